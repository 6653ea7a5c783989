#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "platform/slot_store.h"

namespace cutover {

// Two slots in the device's folder:
//
//     slots/A/manifest.json   written last and removed first: with it the slot holds something
//     slots/A/root/           a tree payload, unpacked
//     slots/A/image           or an image payload, byte for byte
//     persist/A/              the package's persistent paths; a tree's root has links to here, so
//                             that everything else in it can stay as it was installed
class EmulatedSlots final : public SlotStore {
public:
    explicit EmulatedSlots(std::filesystem::path device) : device_(std::move(device)) {}

    // While nothing runs (a device that is being made), both slots can be written. The files of a
    // running image are seen where it is mounted: `running_root`.
    void set_running(std::optional<Slot> slot, std::filesystem::path running_root);

    Result<SlotSpace> space(Slot slot) const override;
    Result<> write(Slot slot, const Manifest& manifest, ByteSource& content) override;
    Result<> erase(Slot slot) override;
    Result<Manifest> manifest(Slot slot) const override;
    Result<> carry_persistent(Slot from, Slot to, const std::vector<std::string>& paths) override;

    std::filesystem::path folder(Slot slot) const;   // slots/A
    std::filesystem::path root(Slot slot) const;     // slots/A/root
    std::filesystem::path image(Slot slot) const;    // slots/A/image
    std::filesystem::path persist(Slot slot) const;  // persist/A

private:
    Result<> refuse_running(Slot slot) const;
    Result<> fill(Slot slot, const Manifest& manifest, ByteSource& content);
    Result<> fill_tree(Slot slot, const Manifest& manifest, ByteSource& content);
    Result<> fill_image(Slot slot, const Manifest& manifest, ByteSource& content);

    std::filesystem::path content_root(Slot slot) const;

    std::filesystem::path device_;
    mutable std::mutex mutex_;  // doors ask while the engine works
    std::optional<Slot> running_;
    std::filesystem::path running_root_;
};

}  // namespace cutover
