#pragma once

#include "cli/session.h"

namespace CLI {
class App;
}

namespace cutover {

// `cutover user`: who comes in by a password. `cutover audit`: the account of who did what. Both
// work on the device's folder, whether its agent runs or not.
void add_access_commands(CLI::App& root, cli::Actions& actions);

}  // namespace cutover
