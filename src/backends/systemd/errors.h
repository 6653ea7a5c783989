#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo systemd_silent{
    .id = "systemd.silent",
    .kind = Errc::unavailable,
    .meaning = "systemd does not answer over D-Bus.",
    .remedy = "Look at `systemctl status dbus.service`; without it no service can be asked."};

}  // namespace cutover::errors
