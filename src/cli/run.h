#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace cutover::cli {

// The command line `cutover`: parses `args` (without the program's name), does what they say, and
// returns the exit code. Prints every error itself.
int run(const std::vector<std::string>& args, const Context& context);

}  // namespace cutover::cli
