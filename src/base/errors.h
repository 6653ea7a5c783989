#pragma once

#include "base/error.h"

// The general errors: used where no folder has a more exact one.
namespace cutover::errors {

inline constexpr ErrorInfo general_invalid{
    .id = "general.invalid",
    .kind = Errc::invalid,
    .meaning = "What was given is not valid.",
    .remedy = "Correct the value named in the message and try again."};
inline constexpr ErrorInfo general_not_found{.id = "general.not_found",
                                             .kind = Errc::not_found,
                                             .meaning = "What was named does not exist.",
                                             .remedy = "Check the name or path and try again."};
inline constexpr ErrorInfo general_conflict{
    .id = "general.conflict",
    .kind = Errc::conflict,
    .meaning = "The device is not in a state that allows this.",
    .remedy = "Look at `cutover show status`, then try again."};
inline constexpr ErrorInfo general_refused{.id = "general.refused",
                                           .kind = Errc::refused,
                                           .meaning = "A rule or policy forbids this.",
                                           .remedy = "Follow the rule named in the message."};
inline constexpr ErrorInfo general_untrusted{
    .id = "general.untrusted",
    .kind = Errc::untrusted,
    .meaning = "A signature or digest is not right.",
    .remedy = "Obtain the file again from its vendor; do not install this one."};
inline constexpr ErrorInfo general_corrupt{
    .id = "general.corrupt",
    .kind = Errc::corrupt,
    .meaning = "Data stored on the device cannot be read back.",
    .remedy = "Run `cutover repair`; if it does not help, check the storage of the device."};
inline constexpr ErrorInfo general_no_space{
    .id = "general.no_space",
    .kind = Errc::no_space,
    .meaning = "A file system is full.",
    .remedy = "Free space on the file system named in the message and try again."};
inline constexpr ErrorInfo general_io{
    .id = "general.io",
    .kind = Errc::io,
    .meaning = "Reading or writing failed.",
    .remedy = "Check the storage or network named in the message and try again."};
inline constexpr ErrorInfo general_timeout{
    .id = "general.timeout",
    .kind = Errc::timeout,
    .meaning = "Something did not happen in time.",
    .remedy = "Try again; if it stays slow, raise the deadline named in the message."};
inline constexpr ErrorInfo general_cancelled{.id = "general.cancelled",
                                             .kind = Errc::cancelled,
                                             .meaning = "It was cancelled.",
                                             .remedy = "Nothing: start it again when wanted."};
inline constexpr ErrorInfo general_unsupported{
    .id = "general.unsupported",
    .kind = Errc::unsupported,
    .meaning = "This version of cutover cannot do that.",
    .remedy = "Use a newer version of cutover, or another way."};
inline constexpr ErrorInfo general_unavailable{
    .id = "general.unavailable",
    .kind = Errc::unavailable,
    .meaning = "Nobody answers.",
    .remedy = "Check that the service is running and reachable, then try again."};

}  // namespace cutover::errors
