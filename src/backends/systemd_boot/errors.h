#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo sdboot_no_entries{
    .id = "boot.sdboot_no_entries",
    .kind = Errc::not_found,
    .meaning = "The EFI system partition has no folder loader/entries.",
    .remedy =
        "Mount the EFI system partition at the path that [boot] esp in device.toml names, "
        "before the agent starts."};
inline constexpr ErrorInfo sdboot_long_entry{
    .id = "boot.sdboot_long_entry",
    .kind = Errc::invalid,
    .meaning = "A boot entry must fit into one sector of 512 bytes, and does not.",
    .remedy =
        "Shorten [boot] arguments in device.toml; what is the same for both slots can be "
        "built into the kernel (CONFIG_CMDLINE)."};
inline constexpr ErrorInfo sdboot_bad_tries{
    .id = "boot.sdboot_bad_tries",
    .kind = Errc::invalid,
    .meaning = "The boot loader is not asked to count as many trial boots.",
    .remedy = "Set [trial] boots in device.toml to a number that the message allows."};

}  // namespace cutover::errors
