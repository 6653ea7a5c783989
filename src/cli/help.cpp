#include "cli/help.h"

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "cli/text.h"

namespace cutover::cli {
namespace {

constexpr std::size_t kWidth = 100;

using Rows = std::vector<std::pair<std::string, std::string>>;

// Names, and what they are for beside them.
std::string section(std::string_view title, const Rows& rows) {
    if (rows.empty()) return {};
    constexpr std::size_t kWidestName = 34;
    std::size_t widest = 0;
    for (const auto& [name, purpose] : rows) widest = std::max(widest, display_width(name));
    widest = std::min(widest, kWidestName);
    auto text = fmt::format("\n{}:\n", title);
    for (const auto& [name, purpose] : rows) {
        auto line = "  " + padded(name, widest);
        if (display_width(name) > widest) {
            text += line + '\n';
            line.assign(2 + widest, ' ');
        }
        for (const auto& part : wrapped(purpose, kWidth - widest - 4)) {
            text.append(line).append("  ").append(part).append("\n");
            line.assign(2 + widest, ' ');
        }
    }
    return text;
}

Rows option_rows(const CLI::App& command) {
    Rows rows;
    for (const auto* option : visible_options(command))
        rows.emplace_back(option_names(*option), option->get_description());
    return rows;
}

Rows positional_rows(const CLI::App& command) {
    Rows rows;
    for (const auto* option : command.get_options())
        if (option->get_positional())
            rows.emplace_back(option->get_name(true), option->get_description());
    return rows;
}

}  // namespace

std::vector<const CLI::App*> visible_commands(const CLI::App& command) {
    return command.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); });
}

std::vector<const CLI::Option*> visible_options(const CLI::App& command) {
    return command.get_options([](const CLI::Option* option) {
        return !option->get_positional() && !option->get_group().empty();
    });
}

std::string full_name(const CLI::App& command) {
    const auto* parent = command.get_parent();
    return parent == nullptr ? command.get_name() : full_name(*parent) + " " + command.get_name();
}

std::string usage_line(const CLI::App& command) {
    auto line = full_name(command) + " [OPTIONS]";
    for (const auto* option : command.get_options()) {
        if (!option->get_positional()) continue;
        const auto name =
            option->get_name(true) + (option->get_items_expected_max() > 1 ? "..." : "");
        line += option->get_required() ? " " + name : " [" + name + "]";
    }
    if (!visible_commands(command).empty())
        line += command.get_require_subcommand_min() > 0 ? " COMMAND" : " [COMMAND]";
    return line;
}

std::string option_names(const CLI::Option& option) {
    std::string names;
    for (const auto& name : option.get_snames()) names += (names.empty() ? "-" : ", -") + name;
    for (const auto& name : option.get_lnames()) names += (names.empty() ? "--" : ", --") + name;
    const auto type = option.get_items_expected_max() > 0 ? option.get_type_name() : "";
    return type.empty() ? names : names + " " + type;
}

std::string help_text(const CLI::App& command) {
    auto text = command.get_description() + "\n\nUsage: " + usage_line(command) + '\n';
    std::vector<std::string> groups;
    for (const auto* sub : visible_commands(command))
        if (std::ranges::find(groups, sub->get_group()) == groups.end())
            groups.push_back(sub->get_group());
    for (const auto& group : groups) {
        Rows rows;
        for (const auto* sub : visible_commands(command))
            if (sub->get_group() == group)
                rows.emplace_back(sub->get_name(), sub->get_description());
        text += section(group == "Subcommands" ? "Commands" : group, rows);
    }
    text += section("Arguments", positional_rows(command));
    text += section("Options", option_rows(command));
    const CLI::App* root = &command;
    while (root->get_parent() != nullptr) root = root->get_parent();
    if (root != &command) {
        Rows rows;
        for (const auto* option : visible_options(*root))
            if (!option->check_lname("help") && !option->check_lname("version"))
                rows.emplace_back(option_names(*option), option->get_description());
        text += section("Options of every command", rows);
    }
    if (command.get_footer().empty()) return text;
    text += "\nExamples:\n";
    for (const auto& line : wrapped(command.get_footer(), 1000))
        if (!line.empty()) text += "  " + line + '\n';
    return text;
}

}  // namespace cutover::cli
