#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo door_socket_in_use{
    .id = "door.socket_in_use",
    .kind = Errc::conflict,
    .meaning = "Another agent already answers on this socket.",
    .remedy = "Stop the other agent, or give this one another device folder or socket."};
inline constexpr ErrorInfo door_not_a_socket{
    .id = "door.not_a_socket",
    .kind = Errc::conflict,
    .meaning = "Where the socket should be there is something else.",
    .remedy = "Move the file named in the message away, or choose another path for the socket."};
inline constexpr ErrorInfo door_cannot_listen{
    .id = "door.cannot_listen",
    .kind = Errc::io,
    .meaning = "The agent's socket could not be opened.",
    .remedy = "Check that the folder of the socket exists and that the agent may write to it."};
inline constexpr ErrorInfo door_bad_request{
    .id = "door.bad_request",
    .kind = Errc::invalid,
    .meaning = "The request holds a value that the agent does not know or does not allow.",
    .remedy = "Use a client of the agent's own version, and correct the value in the message."};
inline constexpr ErrorInfo door_bad_reply{
    .id = "door.bad_reply",
    .kind = Errc::unsupported,
    .meaning = "The agent's answer holds a value that this client does not know.",
    .remedy = "Use the `cutover` of the agent's own version."};
inline constexpr ErrorInfo door_too_large{
    .id = "door.too_large",
    .kind = Errc::invalid,
    .meaning = "One message between client and agent has at most 16 MiB.",
    .remedy =
        "Do it in parts: `cutover config show PATH` shows what is at a path, `cutover config load` "
        "takes several documents one after the other."};
inline constexpr ErrorInfo door_too_many_followers{
    .id = "door.too_many_followers",
    .kind = Errc::refused,
    .meaning = "As many clients as the agent allows already follow its events.",
    .remedy = "End one of them, then try again; asking for the state is still possible."};
inline constexpr ErrorInfo door_follower_too_slow{
    .id = "door.follower_too_slow",
    .kind = Errc::unavailable,
    .meaning = "The client did not read its events as fast as they came.",
    .remedy = "Follow again after the last event that was read: none is lost."};

}  // namespace cutover::errors
