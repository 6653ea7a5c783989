#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo machine_no_reboot{
    .id = "machine.no_reboot",
    .kind = Errc::io,
    .meaning = "The machine could not be restarted.",
    .remedy = "Restart it by hand; the operation goes on at the next start."};
inline constexpr ErrorInfo watchdog_unusable{
    .id = "watchdog.unusable",
    .kind = Errc::io,
    .meaning = "The hardware watchdog cannot be used as device.toml says.",
    .remedy = "Check [watchdog] device and timeout, and that its driver is in the kernel."};

}  // namespace cutover::errors
