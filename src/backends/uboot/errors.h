#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo uboot_bad_place{
    .id = "boot.uboot_bad_place",
    .kind = Errc::invalid,
    .meaning = "The place of U-Boot's boot record is not one that both can write.",
    .remedy =
        "Correct device, offsets and size in [boot] of device.toml: they must say the same "
        "as the settings of the boot script."};

}  // namespace cutover::errors
