#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo door_plaintext{
    .id = "door.plaintext",
    .kind = Errc::refused,
    .meaning = "A door would speak without encryption over a network.",
    .remedy =
        "Set `certificate` and `key` in [security] of device.toml, or let the door that the "
        "message names listen at unix:PATH; the DMI door can be allowed it with plaintext = true."};
inline constexpr ErrorInfo door_address{
    .id = "door.address",
    .kind = Errc::io,
    .meaning = "The address of a door cannot be listened at.",
    .remedy = "Correct `listen` of the door in device.toml, or end what else uses that address."};
inline constexpr ErrorInfo door_certificate{
    .id = "door.certificate",
    .kind = Errc::invalid,
    .meaning = "The certificate, its key or the clients' CA in [security] cannot be used.",
    .remedy =
        "Put PEM files that belong together where [security] of device.toml says, then start the "
        "agent anew; a door that is open already takes them by itself."};
inline constexpr ErrorInfo door_key_open{
    .id = "door.key_open",
    .kind = Errc::refused,
    .meaning = "Everybody on this machine could read the private key of the doors.",
    .remedy = "Take the file's rights from others (chmod 600), and think of a new key."};
inline constexpr ErrorInfo door_unclear_user{
    .id = "door.unclear_user",
    .kind = Errc::untrusted,
    .meaning = "A call brings more than one user name or password, or very long ones.",
    .remedy =
        "Send `username` and `password` once each in the metadata, at most 256 and 1024 bytes "
        "long."};
inline constexpr ErrorInfo door_busy{
    .id = "door.busy",
    .kind = Errc::unavailable,
    .meaning = "More passwords wait to be checked than a door remembers.",
    .remedy = "Try again in a moment."};
inline constexpr ErrorInfo door_closing{
    .id = "door.closing",
    .kind = Errc::unavailable,
    .meaning = "The agent is ending or restarting.",
    .remedy = "Try again in a few seconds; an operation at work goes on by itself."};

}  // namespace cutover::errors
