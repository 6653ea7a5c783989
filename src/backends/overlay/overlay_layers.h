#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/layer_record.h"
#include "platform/layering/layer_content.h"
#include "platform/layers.h"
#include "platform/slot_store.h"

namespace cutover {

// Layers of a real device: files in its folder on the data partition, shown by SystemView. The
// agent mounts nothing itself: it asks a program that may, which trusts no more than that folder.
//
// shown(), startup(), manifest(), layers() and space() may be asked from any thread.
class OverlayLayers final : public LayerStore {
public:
    struct Options {
        std::filesystem::path device;
        std::filesystem::path scratch = "/run/cutover";
        std::vector<std::string> folders{"usr", "opt"};  // as in SystemPlace
        // Has the request in the device's folder carried out (ViewWork::carry_out()); returns when
        // that has ended, and fails when it could not be begun.
        std::function<Result<>()> carry_out;
    };
    explicit OverlayLayers(Options options);

    Result<SlotSpace> space() const override;
    Result<> write(const std::string& digest, const Manifest& manifest, ByteSource& content,
                   const LayerStack& beneath) override;
    Result<> erase(const std::string& digest) override;
    Result<Manifest> manifest(const std::string& digest) const override;
    Result<std::vector<std::string>> layers() const override;
    Result<> check(const Manifest& base, const LayerStack& stack,
                   const std::vector<LayerOutline>& outlines) override;
    Result<> verify(const std::string& digest) const override;
    Result<> prepare(const LayerStack& stack) override;
    Result<> show(const LayerStack& stack) override;
    LayerStack shown() const override;
    Result<> tidy(const std::vector<LayerStack>& keep) override;
    Result<LayerStartup> startup(Slot slot) const override;
    Result<> set_startup(Slot slot, const LayerStack& stack) override;
    Result<> start_trial(Slot slot, const LayerStack& stack, int tries) override;
    Result<> end_trial(Slot slot) override;

private:
    Result<> require(const LayerStack& stack) const;
    Result<> ask(const LayerStack& stack, bool only_try);

    Options options_;
    LayerContent content_;
    LayerRecord record_;
    mutable std::mutex mutex_;  // guards what follows
    LayerStack shown_;
};

}  // namespace cutover
