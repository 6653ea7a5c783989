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

}  // namespace cutover::errors
