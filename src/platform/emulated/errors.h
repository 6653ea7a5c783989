#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo device_exists{
    .id = "device.exists",
    .kind = Errc::conflict,
    .meaning = "A new device needs a folder of its own.",
    .remedy = "Name a folder that does not exist yet or is empty."};
inline constexpr ErrorInfo boot_record_damaged{
    .id = "boot.record_damaged",
    .kind = Errc::corrupt,
    .meaning = "Neither copy of the boot record can be read.",
    .remedy =
        "Start the device again: booting writes a new record. If it comes back, check the "
        "storage of the device."};
inline constexpr ErrorInfo device_other_slots{
    .id = "device.other_slots",
    .kind = Errc::conflict,
    .meaning = "The slots of the device lie in other folders than device.toml says.",
    .remedy = "Set `backend` in [slots] of device.toml to what it was when the device was made."};
inline constexpr ErrorInfo boot_failed{
    .id = "boot.failed",
    .kind = Errc::conflict,
    .meaning = "A slot did not boot: what it holds could not be started.",
    .remedy = "See the log of the service named in the message, in the folder log/ of the device."};
}  // namespace cutover::errors
