#pragma once

#include "base/error.h"

// What can be wrong with device.toml.
namespace cutover::errors {

inline constexpr ErrorInfo config_syntax{
    .id = "config.syntax",
    .kind = Errc::invalid,
    .meaning = "device.toml is not valid TOML.",
    .remedy = "Correct the line named in the message and start the agent again."};
inline constexpr ErrorInfo config_unknown_key{
    .id = "config.unknown_key",
    .kind = Errc::invalid,
    .meaning = "device.toml has a key that this version of cutover does not know.",
    .remedy = "Correct the spelling of the key on the line named, or remove it."};
inline constexpr ErrorInfo config_bad_value{
    .id = "config.bad_value",
    .kind = Errc::invalid,
    .meaning = "A value in device.toml has the wrong type or is out of its range.",
    .remedy = "Give the key on the line named a value of the kind that the message describes."};
inline constexpr ErrorInfo config_missing_key{
    .id = "config.missing_key",
    .kind = Errc::invalid,
    .meaning = "An entry of device.toml lacks a key that it cannot do without.",
    .remedy = "Add the key to the entry on the line named."};
inline constexpr ErrorInfo config_gnoi_plaintext{
    .id = "config.gnoi_plaintext",
    .kind = Errc::invalid,
    .meaning = "The gNOI door does not speak without encryption over a network.",
    .remedy =
        "Remove plaintext from [doors.gnoi]. Set certificate and key in [security], or let the "
        "door listen at unix:PATH."};
inline constexpr ErrorInfo config_no_backend{
    .id = "config.no_backend",
    .kind = Errc::unsupported,
    .meaning = "This build of cutover has no back-end of that name.",
    .remedy = "Correct the name in device.toml, or build cutover with that back-end."};
inline constexpr ErrorInfo config_mixed_backends{
    .id = "config.mixed_backends",
    .kind = Errc::invalid,
    .meaning = "A device is emulated as a whole or not at all.",
    .remedy = "In device.toml, set the back-ends of [boot], [slots] and [services], or of none."};

}  // namespace cutover::errors
