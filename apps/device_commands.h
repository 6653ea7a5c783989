#pragma once

#include "cli/session.h"

namespace CLI {
class App;
}

namespace cutover {

// `cutover device create`: makes an emulated device in a folder, with its first base.
// `cutover device adopt`: makes the folder of a real one whose image is being built.
void add_device_commands(CLI::App& root, cli::Actions& actions);

}  // namespace cutover
