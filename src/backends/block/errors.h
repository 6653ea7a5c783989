#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo slot_needs_image{
    .id = "slot.needs_image",
    .kind = Errc::unsupported,
    .meaning = "The slots of this device are partitions, and only an image fits there.",
    .remedy = "Build the base with [payload] type = \"image\": a squashfs, ext4 or erofs."};
inline constexpr ErrorInfo slot_no_partition{
    .id = "slot.no_partition",
    .kind = Errc::unavailable,
    .meaning = "A slot's partition cannot be found.",
    .remedy = "Check [slots] a and b in device.toml against `ls -l /dev/disk/by-partuuid`."};
inline constexpr ErrorInfo slot_one_partition{
    .id = "slot.one_partition",
    .kind = Errc::refused,
    .meaning = "Both slots are on one partition, so that writing one would destroy the other.",
    .remedy = "Give [slots] a and b in device.toml a partition each."};
inline constexpr ErrorInfo slot_mounted{
    .id = "slot.mounted",
    .kind = Errc::refused,
    .meaning = "The partition to write is in use.",
    .remedy = "Unmount it (`findmnt` shows where it is mounted), then try again."};
inline constexpr ErrorInfo slot_not_as_written{
    .id = "slot.not_as_written",
    .kind = Errc::io,
    .meaning = "What was written to the slot reads back as something else.",
    .remedy = "Try once more; if it comes back, the storage of the device is failing: replace it."};
inline constexpr ErrorInfo slot_other_content{
    .id = "slot.other_content",
    .kind = Errc::conflict,
    .meaning = "The slot does not hold the base that it was said to hold.",
    .remedy = "Write the image of this very package to the slot, then adopt it again."};

}  // namespace cutover::errors
