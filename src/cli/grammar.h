#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string_view>

#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/session.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name
class App;
}

namespace cutover::cli {

// What each command does. A command is a CLI11 subcommand; its description is one line, its footer
// the lines of its examples. Help, man pages and completion are all made from that.
class Actions {
public:
    // An error is printed by run(), and decides the exit code.
    using Action = std::function<Result<ExitCode>(Session&)>;

    void bind(const CLI::App& command, Action action);
    const Action* of(const CLI::App& command) const;  // nullptr: it only has subcommands

private:
    std::map<const CLI::App*, Action> actions_;
};

// A subcommand in a group of the help; see Actions.
CLI::App& add_command(CLI::App& parent, std::string_view name, std::string_view purpose,
                      std::initializer_list<std::string_view> examples);

void add_show_commands(CLI::App& root, Actions& actions);
void add_package_commands(CLI::App& root, Actions& actions);
void add_change_commands(CLI::App& root, Actions& actions);
void add_config_commands(CLI::App& root, Actions& actions);
void add_backup_commands(CLI::App& root, Actions& actions);
void add_migrate_command(CLI::App& root, Actions& actions);
void add_generate_command(CLI::App& root, Actions& actions);  // hidden: for packagers

}  // namespace cutover::cli
