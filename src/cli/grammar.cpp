#include "cli/grammar.h"

#include <CLI/App.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace cutover::cli {

void Actions::bind(const CLI::App& command, Action action) {
    actions_[&command] = std::move(action);
}

const Actions::Action* Actions::of(const CLI::App& command) const {
    const auto found = actions_.find(&command);
    return found == actions_.end() ? nullptr : &found->second;
}

CLI::App& add_command(CLI::App& parent, std::string_view name, std::string_view purpose,
                      std::initializer_list<std::string_view> examples) {
    auto* command = parent.add_subcommand(std::string(name), std::string(purpose));
    std::string lines;
    for (const auto example : examples) lines.append(example).append("\n");
    command->footer(lines);
    return *command;
}

}  // namespace cutover::cli
