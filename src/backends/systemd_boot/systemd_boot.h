#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "backends/systemd_boot/boot_entry.h"
#include "backends/systemd_boot/entry_folder.h"
#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {

// The boot record of a device that systemd-boot starts: entries on the EFI system partition, with
// systemd's boot counting. In loader/entries are
//
//     cutover-0.conf, cutover-1.conf   both start the committed slot; the higher version is first
//     cutover-trial-b+2-1.conf         while there is a trial: comes before them until its tries
//                                      are used up, and after them then
//     cutover-rescue-a.conf, ...-b.conf  come after the committed entries, for the day that both of
//                                      these are lost; nobody ever writes them
//
// FAT is not safe against power cuts: creating, renaming and removing a file may leave neither the
// old nor the new. So the choice never hangs on any of them. The two committed entries are files
// that stay where they are; what changes is their one sector, written in place, the older copy
// first. A trial's entry is created empty, for the boot loader to pass over, and then filled in
// place; it is emptied in place before it is removed. Only the boot loader renames, and only the
// trial's entry: if that is lost, the committed slot boots.
//
// An entry for a trial whose version is not above the committed one's is void: confirm() has gone
// past it, and its slot is the committed one.
//
// Limits of systemd-boot: it does not fall back in the same boot when a kernel cannot be loaded,
// but returns to the firmware; the next power cycle counts on. And it starts kernels only from the
// EFI system partition: /cutover/a/vmlinuz and /cutover/b/vmlinuz there belong to the slots.
struct SystemdBootOptions {
    std::filesystem::path esp;         // where the EFI system partition is mounted
    std::array<std::string, 2> roots;  // root= of slot A, slot B: "PARTUUID=..."
    std::string arguments;
    BootedAs booted;
};

inline constexpr int kMaxEntryTries = 99;

class SystemdBoot final : public BootControl {
public:
    // Makes damaged entries anew, and finishes what a power cut has interrupted.
    static Result<std::unique_ptr<BootControl>> open(const SystemdBootOptions& options);
    // The same over any folder, for tests.
    static std::unique_ptr<BootControl> open(std::unique_ptr<EntryFolder> folder,
                                             EntrySettings settings, BootedAs booted);

    Result<BootStatus> status() const override;
    Result<> start_trial(Slot slot, int tries) override;
    Result<> end_trial() override;
    Result<> confirm(Slot slot) override;

private:
    struct Copies;
    struct Trial;

    SystemdBoot(std::unique_ptr<EntryFolder> folder, EntrySettings settings, BootedAs booted);

    Copies read_copies() const;
    BootEntry committed() const;
    Result<std::optional<Trial>> trial() const;
    Result<> write_copy(std::size_t copy, const BootEntry& entry);
    Result<> commit(Slot slot);
    Result<> remove_trials(const std::optional<TrialName>& but = std::nullopt);
    void heal();

    std::unique_ptr<EntryFolder> folder_;
    EntrySettings settings_;
    BootedAs booted_;
    mutable std::mutex mutex_;  // doors read while the engine writes
};

}  // namespace cutover
