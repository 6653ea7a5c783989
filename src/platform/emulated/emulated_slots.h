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
#include "platform/emulated/release_folders.h"
#include "platform/slot_store.h"

namespace cutover {

// How the folders of slots are called: slots/A, or as ReleaseFolders says, which hold trees alone.
enum class SlotFolders : std::uint8_t { lettered, versioned };

// Two slots in the device's folder:
//
//     slots/A/manifest.json   written last and removed first: with it the slot holds something
//     slots/A/root/           a tree payload, unpacked
//     slots/A/factory/        its persistent paths as they were brought, for a factory reset
//     slots/A/image           or an image payload, byte for byte
//     persist/A/              the package's persistent paths; a tree's root has links to here, so
//                             that everything else in it can stay as it was installed
class EmulatedSlots final : public SlotStore {
public:
    explicit EmulatedSlots(std::filesystem::path device,
                           SlotFolders folders = SlotFolders::lettered)
        : device_(std::move(device)),
          versioned_(folders == SlotFolders::versioned),
          releases_(device_) {}

    // While nothing runs (a device that is being made), both slots can be written. The files of a
    // running image are seen where it is mounted: `running_root`.
    void set_running(std::optional<Slot> slot, std::filesystem::path running_root);

    // device.other_slots: what is there was written with folders of the other kind.
    Result<> check_folders() const;

    Result<SlotSpace> space(Slot slot) const override;
    Result<> write(Slot slot, const Manifest& manifest, ByteSource& content) override;
    Result<> erase(Slot slot) override;
    Result<Manifest> manifest(Slot slot) const override;
    Result<> carry_persistent(Slot from, Slot to, const std::vector<std::string>& paths) override;
    Result<> takes(const Manifest& manifest) const override;
    Result<PersistentFiles> persistent(Slot slot) const override;

    // Of versioned folders: `current` leads to what the slot holds. Of others nothing is done.
    Result<> show_current(Slot slot) const;

    std::filesystem::path folder(Slot slot) const;   // slots/A
    std::filesystem::path root(Slot slot) const;     // slots/A/root
    std::filesystem::path image(Slot slot) const;    // slots/A/image
    std::filesystem::path persist(Slot slot) const;  // persist/A

private:
    Result<> refuse_running(Slot slot) const;
    Result<> fill(Slot slot, const Manifest& manifest, ByteSource& content);
    Result<> fill_tree(Slot slot, const Manifest& manifest, ByteSource& content);
    Result<> keep_factory(Slot slot, const Manifest& manifest) const;
    Result<> fill_image(Slot slot, const Manifest& manifest, ByteSource& content);

    std::filesystem::path content_root(Slot slot) const;

    std::filesystem::path place() const { return versioned_ ? releases_.all() : device_ / "slots"; }

    std::filesystem::path device_;
    bool versioned_;
    ReleaseFolders releases_;
    mutable std::mutex mutex_;  // doors ask while the engine works
    std::optional<Slot> running_;
    std::filesystem::path running_root_;
};

}  // namespace cutover
