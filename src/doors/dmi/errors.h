#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo dmi_bad_request{
    .id = "door.dmi_bad_request",
    .kind = Errc::invalid,
    .meaning = "A DMI request lacks something, or has a value that cannot be.",
    .remedy = "Correct the value that the message names."};
inline constexpr ErrorInfo dmi_unknown_device{
    .id = "door.dmi_unknown_device",
    .kind = Errc::not_found,
    .meaning = "This agent manages one device, and it has another UUID.",
    .remedy = "Ask for its UUID with GetManagedDevices or StartManagingDevice."};

}  // namespace cutover::errors
