#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo cli_usage{
    .id = "cli.usage",
    .kind = Errc::invalid,
    .meaning = "The command line is not one that cutover understands.",
    .remedy = "See `cutover --help`, or `cutover COMMAND --help`."};
inline constexpr ErrorInfo cli_no_such_file{
    .id = "cli.no_such_file",
    .kind = Errc::not_found,
    .meaning = "The package file does not exist, or is not a file.",
    .remedy = "Check the path; a URL begins with http:// or https://."};
inline constexpr ErrorInfo cli_nothing_to_cancel{
    .id = "cli.nothing_to_cancel",
    .kind = Errc::conflict,
    .meaning = "No operation is at work.",
    .remedy =
        "See `cutover show operations` for those that are over; `cutover revert` or "
        "`cutover rollback` goes back."};
inline constexpr ErrorInfo cli_not_newer{
    .id = "cli.not_newer",
    .kind = Errc::refused,
    .meaning = "What was asked about is no newer than what the device has.",
    .remedy = "Nothing to do; `cutover upgrade FILE` without `--check` installs it all the same."};
inline constexpr ErrorInfo cli_declined{.id = "cli.declined",
                                        .kind = Errc::refused,
                                        .meaning = "The question was answered with no.",
                                        .remedy = "Run it again and answer y, or use --yes."};
inline constexpr ErrorInfo cli_needs_yes{
    .id = "cli.needs_yes",
    .kind = Errc::refused,
    .meaning =
        "What cannot be undone is done off a terminal only when --yes says that it is meant.",
    .remedy = "Run it again with --yes."};
inline constexpr ErrorInfo cli_waiting_ended{
    .id = "cli.waiting_ended",
    .kind = Errc::timeout,
    .meaning = "The operation is not over yet, and goes on by itself.",
    .remedy = "Pick it up again with `cutover show operation N --follow`."};
inline constexpr ErrorInfo cli_stopped{
    .id = "cli.stopped",
    .kind = Errc::cancelled,
    .meaning = "It was stopped on the way. What was done stays; the rest is as it was.",
    .remedy = "Give the same command again: it goes on with the rest."};
inline constexpr ErrorInfo cli_cannot_write{
    .id = "cli.cannot_write",
    .kind = Errc::io,
    .meaning = "The output could not be written.",
    .remedy = "Check the folder or pipe that the output goes to."};

}  // namespace cutover::errors
