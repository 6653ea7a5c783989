#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/session.h"
#include "model/operation.h"

namespace cutover::cli {

// The value of --timeout; empty is 0: no end.
Result<std::chrono::milliseconds> timeout_from(const std::string& text);

// Follows an operation, and prints what it came to. The exit code is `done` when it ended as
// `wanted`, or waits for a commit where that was what was followed for.
Result<ExitCode> follow_and_report(Session& session, const FollowOptions& options,
                                   OperationState wanted);

// The one form of every error: error[id], cause, remedy; one document with `json`.
void print_error(std::ostream& stream, const Error& error, bool json, const Terminal& terminal);

}  // namespace cutover::cli
