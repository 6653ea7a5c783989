#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo device_in_use{
    .id = "device.in_use",
    .kind = Errc::conflict,
    .meaning = "Another agent holds the device's folder.",
    .remedy = "Use the agent that runs, or end the process named in the message first."};
inline constexpr ErrorInfo device_exists{
    .id = "device.exists",
    .kind = Errc::conflict,
    .meaning = "A new device needs a folder of its own.",
    .remedy = "Name a folder that does not exist yet or is empty."};
inline constexpr ErrorInfo device_not_found{
    .id = "device.not_found",
    .kind = Errc::not_found,
    .meaning = "The folder holds no device: device.toml is missing.",
    .remedy = "Make a device there with `cutover device create`, or name another folder."};
inline constexpr ErrorInfo boot_record_damaged{
    .id = "boot.record_damaged",
    .kind = Errc::corrupt,
    .meaning = "Neither copy of the boot record can be read.",
    .remedy =
        "Start the device again: booting writes a new record. If it comes back, check the "
        "storage of the device."};
inline constexpr ErrorInfo boot_failed{
    .id = "boot.failed",
    .kind = Errc::conflict,
    .meaning = "A slot did not boot: what it holds could not be started.",
    .remedy = "See the log of the service named in the message, in the folder log/ of the device."};
inline constexpr ErrorInfo slot_no_root{
    .id = "slot.image_needs_root",
    .kind = Errc::unsupported,
    .meaning = "Booting a file system image mounts it, which only root may do.",
    .remedy = "Run the agent as root, or use a base with a tree payload."};
inline constexpr ErrorInfo slot_bad_image{
    .id = "slot.bad_image",
    .kind = Errc::corrupt,
    .meaning = "The image in the slot has no file system that can be mounted.",
    .remedy = "Build the package from a squashfs, ext4 or erofs image and install it again."};
inline constexpr ErrorInfo slot_wrong_content{
    .id = "slot.wrong_content",
    .kind = Errc::invalid,
    .meaning = "The content of a package is not as long as its manifest says.",
    .remedy = "Obtain the package again from its vendor; do not install this one."};
inline constexpr ErrorInfo slot_bad_path{
    .id = "slot.bad_path",
    .kind = Errc::invalid,
    .meaning = "A persistent path leaves the slot.",
    .remedy = "Correct [persist] paths in the package: relative, without \"..\"."};

}  // namespace cutover::errors
