#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo grub_bad_partition{
    .id = "boot.grub_bad_partition",
    .kind = Errc::corrupt,
    .meaning = "The partition of GRUB's environment blocks is not laid out as it must be.",
    .remedy =
        "Make the partition anew as docs/boot-loaders.md describes, with both files in it, "
        "and check [boot] device in device.toml."};

}  // namespace cutover::errors
