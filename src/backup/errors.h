#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo backup_unknown{
    .id = "backup.unknown",
    .kind = Errc::not_found,
    .meaning = "There is no such backup.",
    .remedy = "Name one that `cutover backup list` shows, or the file of one."};
inline constexpr ErrorInfo backup_damaged{
    .id = "backup.damaged",
    .kind = Errc::corrupt,
    .meaning = "The file is no backup, or not the one that was written.",
    .remedy =
        "Copy the file again from where it was kept, or take another one: `cutover backup "
        "verify` tells whether it is whole."};
inline constexpr ErrorInfo backup_newer{
    .id = "backup.newer",
    .kind = Errc::unsupported,
    .meaning = "A newer agent has written the backup in a form that this one does not know.",
    .remedy = "Upgrade the device to the version that the backup is of, then try again."};
inline constexpr ErrorInfo backup_bad_name{
    .id = "backup.bad_name",
    .kind = Errc::invalid,
    .meaning = "A backup cannot have this name.",
    .remedy = "Use up to 64 letters, digits, dots, dashes and underscores, a letter first."};
inline constexpr ErrorInfo backup_too_many{
    .id = "backup.too_many",
    .kind = Errc::refused,
    .meaning = "The device keeps as many backups as it can.",
    .remedy = "Remove some with `cutover backup prune NAME`."};
inline constexpr ErrorInfo backup_too_large{
    .id = "backup.too_large",
    .kind = Errc::refused,
    .meaning = "Something on the device is larger than a backup may hold.",
    .remedy = "Shrink the file in the message; of the database, with `cutover compact`."};
inline constexpr ErrorInfo backup_not_written{
    .id = "backup.not_written",
    .kind = Errc::no_space,
    .meaning = "The backup could not be written, and nothing was changed.",
    .remedy =
        "Make space with `cutover backup prune NAME`, or set `automatic = false` in [backup] of "
        "device.toml and restart the agent; then try again."};

}  // namespace cutover::errors
