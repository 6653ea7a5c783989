#pragma once

#include <string>

#include "base/error.h"
#include "cli/session.h"

namespace cutover {

// A new password: asked twice on a terminal, which does not show it; else one line of standard
// input. Refuses what gRPC clients cannot send, and what is too short.
Result<std::string> new_password(const cli::Session& session);

}  // namespace cutover
