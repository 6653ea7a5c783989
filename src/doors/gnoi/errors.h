#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo gnoi_bad_request{
    .id = "door.gnoi_bad_request",
    .kind = Errc::invalid,
    .meaning = "A gNOI request lacks something, or has a value that cannot be.",
    .remedy = "Correct the value that the message names."};
inline constexpr ErrorInfo gnoi_outside{
    .id = "door.gnoi_outside",
    .kind = Errc::refused,
    .meaning = "A path of gnoi.file leads out of the folder that clients may see.",
    .remedy = "Name a file below the folder [doors.gnoi] files; no link may lead out of it."};
inline constexpr ErrorInfo gnoi_not_a_file{
    .id = "door.gnoi_not_a_file",
    .kind = Errc::refused,
    .meaning = "gnoi.file reads, replaces and removes files only.",
    .remedy = "Name a file; Stat tells what is there."};
inline constexpr ErrorInfo gnoi_too_many{
    .id = "door.gnoi_too_many",
    .kind = Errc::no_space,
    .meaning = "The folder has more entries than a reply may have.",
    .remedy = "Ask for the files by their names, or tidy the folder up."};
inline constexpr ErrorInfo gnoi_reboot_pending{
    .id = "door.gnoi_reboot_pending",
    .kind = Errc::conflict,
    .meaning = "A reboot was asked for before, and has not happened.",
    .remedy = "Wait for it, or give it up with CancelReboot."};
inline constexpr ErrorInfo gnoi_wrong_hash{
    .id = "door.gnoi_wrong_hash",
    .kind = Errc::corrupt,
    .meaning = "What has arrived has another hash than the client said, or the client said none.",
    .remedy = "Send it again, and last its hash: MD5, SHA256 or SHA512, as raw bytes."};

inline constexpr ErrorInfo gnoi_no_ping{
    .id = "door.gnoi_no_ping",
    .kind = Errc::refused,
    .meaning = "The kernel lets the agent send no echo requests.",
    .remedy =
        "Let its group in with the sysctl net.ipv4.ping_group_range (it is for IPv6 too), or "
        "give the agent CAP_NET_RAW."};
inline constexpr ErrorInfo gnoi_ping_failed{
    .id = "door.gnoi_ping_failed",
    .kind = Errc::refused,
    .meaning = "An echo request cannot be sent.",
    .remedy = "Look at the cause: there may be no route, or the packet is too long for the way."};

}  // namespace cutover::errors
