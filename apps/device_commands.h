#pragma once

#include "cli/session.h"

namespace CLI {
class App;
}

namespace cutover {

// `cutover device create`: makes an emulated device in a folder, with its first base.
void add_device_commands(CLI::App& root, cli::Actions& actions);

}  // namespace cutover
