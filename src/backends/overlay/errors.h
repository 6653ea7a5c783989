#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo layer_outside{
    .id = "layer.outside",
    .kind = Errc::refused,
    .meaning = "A package on top brings files where this device shows none.",
    .remedy =
        "Ask the package's vendor for one that keeps to the folders in the message, or add the "
        "folder to `folders` under [layers] in device.toml."};
inline constexpr ErrorInfo layer_too_many_switches{
    .id = "layer.too_many_switches",
    .kind = Errc::refused,
    .meaning = "This kernel keeps each earlier view mounted until the device restarts.",
    .remedy =
        "Restart the device with `cutover reboot`, then try again; a kernel from 6.5 on has no "
        "such limit."};
inline constexpr ErrorInfo layer_not_shown{
    .id = "layer.not_shown",
    .kind = Errc::io,
    .meaning = "The helper that mounts packages over the running base did not do so.",
    .remedy =
        "See `journalctl -u cutover-view` on the device; the base must bring cutover-view.service "
        "and the program cutover-view."};

}  // namespace cutover::errors
