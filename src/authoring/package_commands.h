#pragma once

#include <functional>

#include "base/error.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace cutover {

// What a command line asked for; empty when it asked for none of these commands.
using ChosenCommand = std::function<Result<>()>;

// Adds `package keygen|build|sign|show|verify|extract` to a command line. Parsing it does nothing
// but set `chosen`, which must outlive `app`; calling that does the work: data to standard output,
// progress to standard error, the error to the caller.
void add_package_commands(CLI::App& app, ChosenCommand& chosen);

}  // namespace cutover
