#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/session.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover::cli {

// The value of --timeout; empty is 0: no end.
Result<std::chrono::milliseconds> timeout_from(const std::string& text);

// Prints what an operation came to. `before` is the device as it was before a reload, which tells
// of each package.
ExitCode report_end(Session& session, const Operation& operation, OperationState wanted,
                    const DeviceState* before = nullptr);

// Follows an operation, and prints what it came to. The exit code is `done` when it ended as
// `wanted`, or waits for a commit where that was what was followed for.
Result<ExitCode> follow_and_report(Session& session, const FollowOptions& options,
                                   OperationState wanted, const DeviceState* before = nullptr);

// The one form of every error: error[id], cause, remedy; one document with `json`.
void print_error(std::ostream& stream, const Error& error, bool json, const Terminal& terminal);

}  // namespace cutover::cli
