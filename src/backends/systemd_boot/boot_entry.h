#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/slot.h"

namespace cutover {

// One boot entry is one sector: writing it again in place changes it whole or not at all.
inline constexpr std::size_t kEntryBytes = 512;

struct BootEntry {
    Slot slot = Slot::a;
    bool trial = false;
    std::uint32_t version = 0;  // of two entries for the committed slot, the higher is booted
    bool operator==(const BootEntry&) const = default;
};

// What an entry says beyond that.
struct EntrySettings {
    std::array<std::string, 2> roots;  // root= of slot A, slot B: "PARTUUID=..."
    std::string arguments;             // for the kernel of either slot
    std::array<bool, 2> has_initrd{};
};

// An entry of the Boot Loader Specification, filled up with '#' to kEntryBytes:
//
//     title cutover slot B, trial
//     sort-key cutover-1               (committed: cutover-2, which comes after it)
//     version 43
//     options root=PARTUUID=... ro cutover.slot=b cutover.trial=1 panic=5 ...
//     linux /cutover/b/vmlinuz
Result<std::string> format_entry(const BootEntry& entry, const EntrySettings& settings);

// Nothing when the boot loader would not offer it, or it is none of ours.
std::optional<BootEntry> parse_entry(std::string_view text);

// An entry that the boot loader passes over: a comment, kEntryBytes long.
std::string empty_entry();

// The name of a trial's entry: cutover-trial-b+2-1.conf has two tries left and one done. The boot
// loader renames it before it starts it.
struct TrialName {
    Slot slot = Slot::a;
    int left = 0;
    int done = 0;
    bool operator==(const TrialName&) const = default;
};
std::string format_trial_name(const TrialName& name);
std::optional<TrialName> parse_trial_name(std::string_view file);

}  // namespace cutover
