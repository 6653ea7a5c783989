#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {

// The emulated boot loader's memory: what a real one keeps in its environment. One copy is a file
// of exactly kBootRecordBytes, one disk sector, of text that a person can read:
//
//     cutover boot record 1
//     sequence 42
//     committed A
//     trial B              (or "none")
//     tries 2
//     tries-left 1
//     booted A
//     reason normal
//     crc32 0a1b2c3d       (of all bytes before this line)
//
// filled up with line feeds. There is one way to write a record down; any other is damage.
struct BootRecord {
    std::uint64_t sequence = 0;  // the higher of two valid copies counts
    Slot committed = Slot::a;
    // Stays set when its tries are used up, so that a fallback is told by every boot until
    // somebody ends the trial: the agent may die before it has noticed the first one.
    std::optional<Slot> trial;
    int tries = 0;
    int tries_left = 0;
    Slot booted = Slot::a;  // by the last boot
    BootReason reason = BootReason::normal;
    bool operator==(const BootRecord&) const = default;
};

inline constexpr std::size_t kBootRecordBytes = 512;
inline constexpr int kMaxTries = 1000;

std::string format_boot_record(const BootRecord& record);
Result<BootRecord> parse_boot_record(std::string_view text);

// What the boot loader does with the record before it starts `booted`, for `reason`: the record to
// write first. Only the boots of a trial are counted.
BootRecord next_boot(const BootRecord& record);

BootStatus status_of(const BootRecord& record);

}  // namespace cutover
