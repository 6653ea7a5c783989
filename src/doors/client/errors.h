#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo agent_unreachable{
    .id = "agent.unreachable",
    .kind = Errc::unavailable,
    .meaning = "No agent answers on the device's socket.",
    .remedy =
        "Start the agent (`cutoverd --device DIR`, or `systemctl start cutoverd`), or name "
        "another device with --device or --socket."};
inline constexpr ErrorInfo agent_no_answer{
    .id = "agent.no_answer",
    .kind = Errc::timeout,
    .meaning = "The agent did not answer in time.",
    .remedy = "Look at `cutover show operations` to see what was done, then try again."};
inline constexpr ErrorInfo agent_protocol{
    .id = "agent.protocol",
    .kind = Errc::io,
    .meaning = "The agent's answer could not be used.",
    .remedy = "Use the `cutover` of the agent's own version; look at `cutover show log`."};
inline constexpr ErrorInfo agent_too_old{
    .id = "agent.too_old",
    .kind = Errc::unsupported,
    .meaning = "The agent does not know this call.",
    .remedy = "Use the `cutover` of the agent's own version, or upgrade the device."};

}  // namespace cutover::errors
