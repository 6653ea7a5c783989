#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo store_failed{
    .id = "store.failed",
    .kind = Errc::io,
    .meaning = "The device's database cannot be read or written.",
    .remedy =
        "Check space and health of the storage that holds the device's folder, then restart "
        "the agent: it takes up where it stopped."};
inline constexpr ErrorInfo store_corrupt{
    .id = "store.corrupt",
    .kind = Errc::corrupt,
    .meaning = "The device's database holds something that cannot be understood.",
    .remedy = "Restore the database from a backup; the device goes on running its committed base."};
inline constexpr ErrorInfo store_newer{
    .id = "store.newer",
    .kind = Errc::unsupported,
    .meaning = "A newer agent has changed the database in a way this one does not know.",
    .remedy = "Run the agent of the committed base, or a newer one."};

}  // namespace cutover::errors
