// The command line: everything a person asks of a device, and what authors do with packages.

#include <CLI/App.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "access_commands.h"
#include "authoring/package_commands.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/interrupt.h"
#include "cli/run.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "device_commands.h"
#include "doors/client/remote_device.h"

namespace {

using cutover::cli::Actions;
using cutover::cli::Context;
using cutover::cli::ExitCode;
using cutover::cli::Session;

// The authoring commands note what was chosen while they are parsed; here it is done.
void add_authoring_commands(CLI::App& root, Actions& actions, cutover::ChosenCommand& chosen) {
    cutover::add_package_commands(root, chosen);
    for (const auto* command : root.get_subcommand("package")->get_subcommands(nullptr))
        actions.bind(*command, [&chosen](Session&) -> cutover::Result<ExitCode> {
            if (chosen) TRY(chosen());
            return ExitCode::done;
        });
}

int run(const std::vector<std::string>& args) {
    cutover::SystemClock clock;
    cutover::ChosenCommand chosen;
    const char* const device = std::getenv("CUTOVER_DEVICE");
    const Context context{
        .connect =
            [](const cutover::cli::Address& address) {
                return cutover::RemoteDevice::connect(address.socket_path());
            },
        .in = std::cin,
        .out = std::cout,
        .err = std::cerr,
        .terminal = cutover::cli::this_terminal(),
        .clock = clock,
        .folder = std::filesystem::current_path(),
        .device_variable = device ? device : "",
        .watch_interrupts = cutover::cli::watch_interrupts,
        .more_commands = {[&](CLI::App& root, Actions& actions) {
                              add_authoring_commands(root, actions, chosen);
                          },
                          cutover::add_device_commands, cutover::add_access_commands}};
    return cutover::cli::run(args, context);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(std::vector<std::string>(argv + 1, argv + argc));
    } catch (const std::exception& problem) {  // CLI11, fmt and the standard library may throw
        std::fputs(problem.what(), stderr);
    }
    return EXIT_FAILURE;
}
