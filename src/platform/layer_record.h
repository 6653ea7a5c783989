#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "model/slot.h"
#include "platform/layers.h"

namespace cutover {

// More than any device has; what a damaged record may claim is bounded by it.
inline constexpr std::size_t kMaxLayers = 256;

// 64 lower-case hexadecimal digits: also what may become the name of a folder.
bool is_layer_digest(std::string_view text);
Result<> check_stack(const LayerStack& stack);  // bounded, of digests, none of them twice

// What the next boots of the slots show on top of their bases: one small file, replaced whole.
// Every change is durable when its call returns. A record that is damaged counts as empty when it
// is changed, so that a device comes out of it.
class LayerRecord {
public:
    explicit LayerRecord(std::filesystem::path file) : file_(std::move(file)) {}

    Result<LayerStartup> read(Slot slot) const;  // layer.record_damaged
    Result<> set_startup(Slot slot, const LayerStack& stack);
    Result<> start_trial(Slot slot, const LayerStack& stack, int tries);
    Result<> end_trial(Slot slot);  // repeatable
    // One boot of the slot's trial, to be made now. It has one left.
    Result<LayerStartup> count_try(Slot slot);

private:
    using Records = std::map<Slot, LayerStartup>;
    Result<Records> read_all() const;
    Result<Records> read_for_change() const;
    Result<> write(const Records& records) const;

    std::filesystem::path file_;
};

}  // namespace cutover
