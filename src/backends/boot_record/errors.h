#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo boot_bad_tries{
    .id = "boot.bad_tries",
    .kind = Errc::invalid,
    .meaning = "The boot loader cannot count as many trial boots.",
    .remedy = "Set [trial] boots in device.toml to a number that the message allows."};

}  // namespace cutover::errors
