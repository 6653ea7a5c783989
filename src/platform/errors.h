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
inline constexpr ErrorInfo layer_no_space{
    .id = "layer.no_space",
    .kind = Errc::no_space,
    .meaning = "The file system of the layers has too little room for the package.",
    .remedy = "Free as much as the message says is missing on that file system, then try again."};
inline constexpr ErrorInfo layer_shown{
    .id = "layer.shown",
    .kind = Errc::refused,
    .meaning = "A package that is in use is never erased.",
    .remedy = "Uninstall the package first; `cutover show version` lists what runs."};
inline constexpr ErrorInfo layer_conflict{
    .id = "layer.conflict",
    .kind = Errc::refused,
    .meaning = "A package on top would hide what belongs to the base.",
    .remedy =
        "Ask the package's vendor for one that leaves the path in the message alone; a folder that "
        "is a link in the base must be packaged under the path that the link leads to."};
inline constexpr ErrorInfo layer_damaged{
    .id = "layer.damaged",
    .kind = Errc::corrupt,
    .meaning = "The stored content of a package on top is missing or damaged.",
    .remedy =
        "Bring the same version of the package again: `cutover install FILE`, or `cutover packages "
        "fetch FILE` where it is not on top of the base, writes anew what is not whole."};
inline constexpr ErrorInfo layer_record_damaged{
    .id = "layer.record_damaged",
    .kind = Errc::corrupt,
    .meaning = "The record of the packages on top of the base cannot be read.",
    .remedy =
        "Nothing to do: the agent writes it anew when it starts, and brings the packages back. If "
        "it comes back, check the storage of the device."};
inline constexpr ErrorInfo layers_unsupported{
    .id = "layers.unsupported",
    .kind = Errc::unsupported,
    .meaning = "The device's back-ends take base packages only.",
    .remedy = "Build the package's content into a base, and upgrade the base."};
inline constexpr ErrorInfo device_in_use{
    .id = "device.in_use",
    .kind = Errc::conflict,
    .meaning = "Another agent holds the device's folder.",
    .remedy = "Use the agent that runs, or end the process named in the message first."};
inline constexpr ErrorInfo device_bad_uuid{
    .id = "device.bad_uuid",
    .kind = Errc::invalid,
    .meaning = "The file that holds the device's UUID holds something else.",
    .remedy =
        "Write the device's UUID into the file `uuid` in its folder, or remove the file: "
        "the agent then makes a new one."};
inline constexpr ErrorInfo device_not_found{
    .id = "device.not_found",
    .kind = Errc::not_found,
    .meaning = "The folder holds no device: device.toml is missing.",
    .remedy = "Make a device there with `cutover device create`, or name another folder."};
inline constexpr ErrorInfo service_change_failed{
    .id = "service.change_failed",
    .kind = Errc::conflict,
    .meaning = "A service did not take a change: it, or a program run for it, failed.",
    .remedy =
        "Read what the service wrote (log/<service>.log of an emulated device, `journalctl -u "
        "<service>` elsewhere) and `cutover show log`, correct the package and try again."};
inline constexpr ErrorInfo startup_config_unusable{
    .id = "startup_config.unusable",
    .kind = Errc::invalid,
    .meaning = "What was given cannot be a startup configuration.",
    .remedy = "Give one that is not empty and has at most 4 MiB."};
inline constexpr ErrorInfo boot_slot_not_told{
    .id = "boot.slot_not_told",
    .kind = Errc::unsupported,
    .meaning = "The boot loader did not tell which slot it has started.",
    .remedy =
        "Use the boot script of this release, or have the boot loader put cutover.slot=a or "
        "cutover.slot=b on the kernel's command line."};
inline constexpr ErrorInfo slot_takes_trees{
    .id = "slot.takes_trees",
    .kind = Errc::unsupported,
    .meaning = "The slots of this device are versioned folders, which hold trees of files.",
    .remedy =
        "Have the base built with payload type \"tree\", or make the device without "
        "`--slots tree`."};

}  // namespace cutover::errors
