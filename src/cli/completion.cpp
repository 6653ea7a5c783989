#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "cli/help.h"

namespace cutover::cli {
namespace {

struct Tables {
    std::vector<std::string> commands;  // patterns "cutover show version"
    std::string words;                  // case branches: what may come after a command
    std::string values;                 // case branches: what may come after an option
    std::string files;                  // patterns of commands that take files
};

bool takes_files(const CLI::App& command) {
    for (const auto* option : command.get_options())
        if (option->get_positional() && option->get_name(true).starts_with("FILE")) return true;
    return false;
}

std::string choices(std::string type) {
    for (auto& letter : type)
        if (letter == '|') letter = ' ';
    return type;
}

// What completes the value of an option: its choices, files or folders, or nothing.
std::string generator(const std::string& type) {
    if (type.find('|') != std::string::npos &&
        type.find_first_of("ABCDEFGHIJ") == std::string::npos)
        return fmt::format("-W '{}'", choices(type));
    if (type.find("DIR") != std::string::npos) return "-d";
    if (type.find("FILE") != std::string::npos || type.find("PATH") != std::string::npos)
        return "-f";
    return "-W ''";
}

void collect(const CLI::App& command, const std::string& common, Tables& tables) {
    std::vector<std::string> words;
    for (const auto* sub : visible_commands(command)) words.push_back(sub->get_name());
    for (const auto* option : visible_options(command)) {
        for (const auto& name : option->get_lnames()) words.push_back("--" + name);
        if (option->get_items_expected_max() == 0) continue;
        for (const auto& name : option->get_lnames())
            tables.values +=
                fmt::format("        '{} --{}') generator=({}) ;;\n", full_name(command), name,
                            generator(option->get_type_name()));
    }
    const auto name = full_name(command);
    tables.commands.push_back(fmt::format("'{}'", name));
    const bool root = command.get_parent() == nullptr;
    tables.words += fmt::format("        '{}') words='{}{}' ;;\n", name, fmt::join(words, " "),
                                root ? "" : common);
    if (takes_files(command))
        tables.files += fmt::format("{}'{}'", tables.files.empty() ? "" : "|", name);
    for (const auto* sub : visible_commands(command)) collect(*sub, common, tables);
}

}  // namespace

std::string bash_completion(const CLI::App& root) {
    std::string common;
    for (const auto* option : visible_options(root))
        for (const auto& name : option->get_lnames())
            if (name != "help" && name != "version") common += " --" + name;
    Tables tables;
    collect(root, common, tables);
    const auto files = tables.files.empty() ? std::string("''") : tables.files;
    return fmt::format(R"(# Completion of {0} for bash. Made by `{0} generate completion`.
_{0}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command={0} words='' word generator=()
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$command $word" in
        {1}) command="$command $word" ;;
        esac
    done
    for word in "$command" {0}; do
        (( ${{#generator[@]}} )) || case "$word $previous" in
{2}        esac
    done
    if (( ${{#generator[@]}} )); then
        mapfile -t COMPREPLY < <(compgen "${{generator[@]}}" -- "$current")
        return
    fi
    case "$command" in
{3}    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    case "$command" in
    {4})
        [[ $current == -* ]] && return
        mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
        ;;
    esac
}}
complete -o filenames -F _{0} {0}
)",
                       root.get_name(), fmt::join(tables.commands, "|"), tables.values,
                       tables.words, files);
}

}  // namespace cutover::cli
