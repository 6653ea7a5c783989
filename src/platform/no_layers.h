#pragma once

#include <expected>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/errors.h"
#include "platform/layers.h"
#include "platform/slot_store.h"

namespace cutover {

// Of a device that runs bases alone: it holds no layer, shows none, and refuses to take one.
class NoLayers final : public LayerStore {
public:
    Result<SlotSpace> space() const override { return refuse(); }
    Result<> write(const std::string& /*digest*/, const Manifest& /*manifest*/,
                   ByteSource& /*content*/, const LayerStack& /*beneath*/) override {
        return refuse();
    }
    Result<> erase(const std::string& /*digest*/) override { return {}; }
    Result<Manifest> manifest(const std::string& digest) const override {
        return fail(Errc::not_found, "there is no layer {}", digest);
    }
    Result<std::vector<std::string>> layers() const override { return std::vector<std::string>(); }
    Result<> prepare(const LayerStack& stack) override { return take(stack); }
    Result<> show(const LayerStack& stack) override { return take(stack); }
    LayerStack shown() const override { return {}; }
    Result<> tidy(const std::vector<LayerStack>& /*keep*/) override { return {}; }
    Result<LayerStartup> startup(Slot /*slot*/) const override { return LayerStartup{}; }
    Result<> set_startup(Slot /*slot*/, const LayerStack& stack) override { return take(stack); }
    Result<> start_trial(Slot /*slot*/, const LayerStack& stack, int /*tries*/) override {
        return take(stack);
    }
    Result<> end_trial(Slot /*slot*/) override { return {}; }

private:
    static std::unexpected<Error> refuse() {
        return fail(errors::layers_unsupported, "the device has no place for packages on its base");
    }
    static Result<> take(const LayerStack& stack) {
        if (stack.empty()) return {};
        return refuse();
    }
};

}  // namespace cutover
