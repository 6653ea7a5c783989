#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo slot_active{
    .id = "slot.active",
    .kind = Errc::refused,
    .meaning = "The slot that runs is never written.",
    .remedy = "Install to the standby slot; `cutover show version` tells which one that is."};
inline constexpr ErrorInfo slot_no_space{
    .id = "slot.no_space",
    .kind = Errc::no_space,
    .meaning = "The file system of the slots has too little room for the package.",
    .remedy = "Free as much as the message says is missing on that file system, then try again."};
inline constexpr ErrorInfo health_failed{
    .id = "health.failed",
    .kind = Errc::conflict,
    .meaning = "A health check did not pass.",
    .remedy = "See `cutover show health` for what was asked and answered."};
inline constexpr ErrorInfo boot_slot_not_told{
    .id = "boot.slot_not_told",
    .kind = Errc::unsupported,
    .meaning = "The boot loader did not tell which slot it has started.",
    .remedy =
        "Use the boot script of this release, or have the boot loader put cutover.slot=a or "
        "cutover.slot=b on the kernel's command line."};

}  // namespace cutover::errors
