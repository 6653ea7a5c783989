#pragma once

#include "base/error.h"

// What can be wrong before any configuration is asked.
namespace cutover::errors {

inline constexpr ErrorInfo config_none{
    .id = "config.none",
    .kind = Errc::unsupported,
    .meaning = "This device's packages bring no YANG modules.",
    .remedy =
        "Install a base or a package that names its modules under [config] of its package.toml."};

}  // namespace cutover::errors
