#pragma once

#include "base/error.h"

namespace cutover::errors {

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
