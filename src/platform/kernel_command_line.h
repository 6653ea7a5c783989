#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {

// What the boot loader says about this boot, on the kernel's command line:
//
//     cutover.slot=a|b      the slot that was started: the one thing that must be there
//     cutover.trial=1       a counted boot of a slot on trial
//     cutover.fallback=1    the committed slot, for the trial is used up or could not be loaded
//     cutover.rescue=1      the committed slot could not be loaded, or nobody knows which it is
//
// The kernel keeps the line unchanged until the next boot, so an agent that is started anew says
// the same about the boot as the one before it.
struct BootedAs {
    Slot slot = Slot::a;
    BootReason reason = BootReason::normal;
    bool operator==(const BootedAs&) const = default;
};

// Fails (boot.slot_not_told) when no slot is named, two are, or a flag has a value other than 0
// and 1: better no agent than one that writes to the slot it runs from.
Result<BootedAs> parse_kernel_command_line(std::string_view text);

Result<BootedAs> read_kernel_command_line(const std::filesystem::path& file = "/proc/cmdline");

}  // namespace cutover
