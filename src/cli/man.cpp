#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "cli/help.h"
#include "cli/text.h"

namespace cutover::cli {
namespace {

std::string roff(std::string_view text) {
    std::string escaped;
    for (const char letter : text) {
        if (letter == '\\')
            escaped += "\\e";
        else if (letter == '-')
            escaped += "\\-";
        else
            escaped += letter;
    }
    // A line must not begin with what roff takes for a request.
    if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped.insert(0, "\\&");
    return escaped;
}

std::string term(std::string_view name, std::string_view text) {
    return fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(name), roff(text));
}

std::string dashed(const CLI::App& command) {
    auto name = full_name(command);
    for (auto& letter : name)
        if (letter == ' ') letter = '-';
    return name;
}

std::string options_of(const CLI::App& command) {
    std::string text;
    for (const auto* option : command.get_options())
        if (option->get_positional())
            text += term(option->get_name(true), option->get_description());
    for (const auto* option : visible_options(command))
        text += term(option_names(*option), option->get_description());
    return text;
}

constexpr std::string_view kExitStatus = R"(.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Failed, and the device is as it was.
.TP
.B 2
The command line is wrong.
.TP
.B 3
Refused; nothing was changed.
.TP
.B 4
The agent does not answer.
.TP
.B 5
Waiting ended; the operation goes on.
)";

}  // namespace

std::string man_page(const CLI::App& command) {
    const auto name = dashed(command);
    auto page = fmt::format(".TH \"{}\" 1 \"\" \"cutover {}\" \"User Commands\"\n", roff(name),
                            CUTOVER_VERSION);
    page += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(command.get_description()));
    page += fmt::format(".SH SYNOPSIS\n.B {}\n", roff(usage_line(command)));
    const auto commands = visible_commands(command);
    if (!commands.empty()) {
        page += ".SH COMMANDS\n";
        for (const auto* sub : commands) page += term(sub->get_name(), sub->get_description());
    }
    page += ".SH OPTIONS\n" + options_of(command);
    const CLI::App* root = &command;
    while (root->get_parent() != nullptr) root = root->get_parent();
    if (root != &command)
        page += fmt::format(".PP\nThe options of every command are described in\n.BR {} (1).\n",
                            roff(root->get_name()));
    if (!command.get_footer().empty()) {
        page += ".SH EXAMPLES\n.nf\n";
        for (const auto& line : wrapped(command.get_footer(), 1000))
            if (!line.empty()) page += roff(line) + '\n';
        page += ".fi\n";
    }
    page += kExitStatus;
    page += ".SH SEE ALSO\n";
    const auto* parent = command.get_parent();
    if (parent != nullptr) page += fmt::format(".BR {} (1)\n", roff(dashed(*parent)));
    for (const auto* sub : commands) page += fmt::format(".BR {} (1)\n", roff(dashed(*sub)));
    return page;
}

}  // namespace cutover::cli
