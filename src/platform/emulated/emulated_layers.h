#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/device_config.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/emulated/view_switch.h"
#include "platform/layer_record.h"
#include "platform/layering/image_mount.h"
#include "platform/layering/layer_content.h"
#include "platform/layering/layer_view.h"
#include "platform/layers.h"
#include "platform/slot_store.h"

namespace cutover {

struct RunningBase {
    Slot slot = Slot::a;
    Manifest manifest;
    std::filesystem::path root;
    std::filesystem::path persist;
};

// Layers of an emulated device, in its folder:
//
//     layers/startup.json        LayerRecord
//     layers/objects/ packages/  LayerContent
//     views/<identity>/root      views, at the depth of slots/A/root, so that the base's links to
//                                its persistent files stay right; made anew at each boot
//     persist/packages/          persistent paths of packages on top, for every version of them
//     run/current run/root/      ViewSwitch
//
// shown(), startup(), manifest(), layers() and space() may be asked from any thread; the rest
// belongs to the one that boots and then to the engine's.
class EmulatedLayers final : public LayerStore {
public:
    EmulatedLayers(std::filesystem::path device, LayersBackend backend);
    ~EmulatedLayers() override;

    // At a boot, before threads are started: what an earlier life left of views is removed, and
    // nothing is shown.
    Result<> reset();
    // Shows the base alone. Enters a mount namespace where views may have to be mounted.
    Result<> set_base(RunningBase base);
    LayerRecord& record() { return record_; }

    Result<SlotSpace> space() const override;
    Result<> write(const std::string& digest, const Manifest& manifest, ByteSource& content,
                   const LayerStack& beneath) override;
    Result<> erase(const std::string& digest) override;
    Result<Manifest> manifest(const std::string& digest) const override;
    Result<std::vector<std::string>> layers() const override;
    Result<> check(const Manifest& base, const LayerStack& stack,
                   const std::vector<LayerOutline>& outlines) override;
    Result<> verify(const std::string& digest) const override { return content_.verify(digest); }
    Result<> prepare(const LayerStack& stack) override;
    Result<> show(const LayerStack& stack) override;
    LayerStack shown() const override;
    Result<> tidy(const std::vector<LayerStack>& keep) override;
    Result<LayerStartup> startup(Slot slot) const override;
    Result<> set_startup(Slot slot, const LayerStack& stack) override;
    Result<> start_trial(Slot slot, const LayerStack& stack, int tries) override;
    Result<> end_trial(Slot slot) override;

    // The working directory of all that runs in the view, and the view itself.
    std::filesystem::path working_root() const { return switch_.root(); }
    std::filesystem::path current() const { return switch_.current(); }

private:
    struct View {
        LayerStack stack;
        std::unique_ptr<OverlayView> overlay;  // none: it is made of hard links
    };

    Result<> require(const LayerStack& stack) const;
    bool is_mounted_base() const;
    Result<bool> wants_overlay(const LayerStack& stack) const;
    std::string identity(const LayerStack& stack) const;
    std::filesystem::path view_root(const LayerStack& stack) const;
    Result<ViewParts> parts_of(const LayerStack& stack);
    Result<std::filesystem::path> layer_root(const std::string& digest);
    Result<> build(const LayerStack& stack);
    Result<> remove_view(const std::string& identity);
    void forget_mounts();

    std::filesystem::path device_;
    LayersBackend backend_;
    LayerContent content_;
    LayerRecord record_;
    ViewSwitch switch_;
    std::unique_ptr<RunningBase> base_;  // none: nothing runs
    bool may_mount_ = false;
    std::map<std::string, std::unique_ptr<ImageMount>> mounts_;  // of layers
    std::map<std::string, int> rewritten_;                       // views made before lack that
    std::string shown_view_;                                     // its identity
    std::map<std::string, View> views_;                          // by identity; after mounts_
    mutable std::mutex mutex_;                                   // guards what follows
    LayerStack shown_;
};

}  // namespace cutover
