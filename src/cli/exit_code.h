#pragma once

#include <cstdint>

#include "base/error.h"

namespace cutover::cli {

// What `cutover` returns to the shell; scripts branch on it.
enum class ExitCode : std::uint8_t {
    done = 0,
    failed = 1,  // and the device is as it was
    usage = 2,
    refused = 3,        // nothing was changed
    unreachable = 4,    // the agent does not answer
    waiting_ended = 5,  // the operation goes on; or the same command does
};

// Of a request that ended with `error`. (An operation that was started and failed is `failed`.)
ExitCode exit_code_of(const Error& error);

constexpr int to_int(ExitCode code) { return static_cast<int>(code); }

}  // namespace cutover::cli
