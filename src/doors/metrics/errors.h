#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo metrics_not_local{
    .id = "metrics.not_local",
    .kind = Errc::refused,
    .meaning = "Metrics would be shown to other machines.",
    .remedy =
        "Let [metrics] in device.toml listen at an address of this machine only (127.0.0.1, ::1), "
        "or allow it with anywhere = true."};
inline constexpr ErrorInfo metrics_address{
    .id = "metrics.address",
    .kind = Errc::io,
    .meaning = "The address of the metrics cannot be listened at.",
    .remedy =
        "Correct `listen` of [metrics] in device.toml, a numeric address with a port, or end what "
        "else uses that address."};

}  // namespace cutover::errors
