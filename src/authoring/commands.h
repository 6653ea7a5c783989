#pragma once

// The single commands, for package_commands.cpp.

#include "authoring/package_commands.h"

namespace cutover {

void add_keygen_command(CLI::App& package, ChosenCommand& chosen);
void add_build_command(CLI::App& package, ChosenCommand& chosen);
void add_sign_command(CLI::App& package, ChosenCommand& chosen);
void add_show_command(CLI::App& package, ChosenCommand& chosen);
void add_verify_command(CLI::App& package, ChosenCommand& chosen);
void add_extract_command(CLI::App& package, ChosenCommand& chosen);

}  // namespace cutover
