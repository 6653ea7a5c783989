#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo agent_ending{
    .id = "agent.ending",
    .kind = Errc::unavailable,
    .meaning = "The agent ends because the device restarts or was stopped.",
    .remedy = "Wait until the device is up again and ask again; an operation goes on by itself."};
inline constexpr ErrorInfo operation_unknown{
    .id = "operation.unknown",
    .kind = Errc::not_found,
    .meaning = "There is no operation of that number, or it is no longer kept.",
    .remedy = "`cutover show operations` lists those that are kept."};

inline constexpr ErrorInfo startup_config_none{
    .id = "startup_config.none",
    .kind = Errc::unsupported,
    .meaning = "This device keeps no startup configuration.",
    .remedy = "Configure the device with its own means."};
inline constexpr ErrorInfo startup_config_too_long{
    .id = "startup_config.too_long",
    .kind = Errc::invalid,
    .meaning = "The file is too long for a startup configuration.",
    .remedy = "Check the URL: a startup configuration has at most 4 MiB."};

}  // namespace cutover::errors
