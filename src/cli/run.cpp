#include "cli/run.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>  // IWYU pragma: keep; bodies of what App.hpp only declares
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>  // IWYU pragma: keep; likewise
#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "cli/errors.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/help.h"
#include "cli/json.h"
#include "cli/render_state.h"
#include "cli/report.h"
#include "cli/session.h"
#include "model/device.h"

namespace cutover::cli {
namespace {

struct CommonOptions {
    std::string device;
    std::string socket;
    bool json = false;
    bool yes = false;
};

void add_common_options(CLI::App& root, CommonOptions& options) {
    root.add_flag("--json", options.json,
                  "Print JSON: one document, or an object a line of what goes on");
    root.add_option("--device", options.device,
                    "The device in this folder ($CUTOVER_DEVICE, or . if it has a device.toml)")
        ->type_name("DIR");
    root.add_option("--socket", options.socket, "The device whose agent answers on this socket")
        ->type_name("PATH");
    root.add_flag("--yes", options.yes, "Answer yes to questions");
}

Address address_from(const CommonOptions& options, const Context& context) {
    if (!options.socket.empty()) return {.folder = {}, .socket = context.folder / options.socket};
    if (!options.device.empty()) return {.folder = context.folder / options.device, .socket = {}};
    if (!context.device_variable.empty())
        return {.folder = context.folder / context.device_variable, .socket = {}};
    std::error_code error;
    if (std::filesystem::exists(context.folder / "device.toml", error))
        return {.folder = context.folder, .socket = {}};
    return {};
}

// The command that was typed: the last of nested ones.
const CLI::App& chosen(const CLI::App& root) {
    const auto parsed = root.get_subcommands();
    return parsed.empty() ? root : chosen(*parsed.front());
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < left.size(); ++i) {
        auto diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < right.size(); ++j) {
            const auto replaced = diagonal + (left[i] == right[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
}

// What may have been meant by `word`; empty when nothing is near.
std::string nearest(std::string_view word, const CLI::App& command) {
    std::vector<std::string> known;
    for (const auto* sub : visible_commands(command)) known.push_back(sub->get_name());
    for (const auto* option : visible_options(command))
        for (const auto& name : option->get_lnames()) known.push_back("--" + name);
    std::string best;
    std::size_t best_distance = 3;  // two slips of the fingers
    for (const auto& name : known) {
        const auto distance = edit_distance(word, name);
        if (distance < best_distance && distance < name.size()) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

std::string names_of(const CLI::App& command) {
    std::string names;
    for (const auto* sub : visible_commands(command))
        names += (names.empty() ? "" : ", ") + sub->get_name();
    return names;
}

Error usage_error(const CLI::App& root, std::string_view what,
                  const std::vector<std::string>& unknown) {
    const auto& command = chosen(root);
    auto error = make_error(errors::cli_usage, std::string(what));
    if (!unknown.empty()) {
        error.message = fmt::format("{} does not know \"{}\"", full_name(command), unknown.front());
        auto meant = nearest(unknown.front(), command);
        if (meant.empty()) meant = nearest(unknown.front(), root);
        if (!meant.empty()) error.set_cause(fmt::format("perhaps \"{}\" was meant", meant));
    } else if (!visible_commands(command).empty() && command.get_require_subcommand_min() > 0)
        error.message = fmt::format("{} needs one of: {}", full_name(command), names_of(command));
    error.remedy = fmt::format("{} --help", full_name(command));
    return error;
}

// CLI11 tells by exceptions; they end here. Nothing: the command is to be run.
Result<std::optional<ExitCode>> parse(CLI::App& root, const std::vector<std::string>& args,
                                      const Context& context) {
    try {
        root.parse(std::vector<std::string>(args.rbegin(), args.rend()));
    } catch (const CLI::CallForHelp&) {
        context.out << help_text(chosen(root));
        return ExitCode::done;
    } catch (const CLI::CallForVersion&) {
        context.out << "cutover " << CUTOVER_VERSION << '\n';
        return ExitCode::done;
    } catch (const CLI::ParseError& error) {
        return std::unexpected(usage_error(root, error.what(), root.remaining(true)));
    }
    return std::nullopt;
}

Result<ExitCode> overview(Session& session) {
    auto* device = TRY(session.device());
    const auto state = TRY(device->state());
    session.print([&] { return json::overview(state); },
                  [&] { return overview_text(state, session.terminal()); });
    return ExitCode::done;
}

void set_up(CLI::App& root, CommonOptions& options, Actions& actions, const Context& context) {
    root.name("cutover");
    root.set_help_flag("-h,--help", "Print this help");
    root.set_version_flag("--version", CUTOVER_VERSION, "Print the version of this program");
    root.fallthrough();
    root.require_subcommand(0, 1);
    root.footer(
        "cutover\ncutover show version\ncutover upgrade nos-1.2.0.cc --preview\n"
        "cutover upgrade nos-1.2.0.cc\n");
    add_common_options(root, options);
    add_show_commands(root, actions);
    add_change_commands(root, actions);
    add_package_commands(root, actions);
    add_config_commands(root, actions);
    add_backup_commands(root, actions);
    add_migrate_command(root, actions);
    for (const auto& add : context.more_commands) add(root, actions);
    add_generate_command(root, actions);
    actions.bind(root, overview);
}

}  // namespace

int run(const std::vector<std::string>& args, const Context& context) {
    CLI::App root(
        "Install, activate, watch, commit and roll back the software of a network device.");
    CommonOptions options;
    Actions actions;
    set_up(root, options, actions, context);

    const auto fail_with = [&](const Error& error) {
        // What cannot be parsed sets no option.
        const bool json = options.json || std::ranges::find(args, "--json") != args.end();
        print_error(json ? context.out : context.err, error, json, context.terminal);
        return to_int(exit_code_of(error));
    };
    const auto parsed = parse(root, args, context);
    if (!parsed) return fail_with(parsed.error());
    if (const auto answered = *parsed) return to_int(*answered);
    const auto& command = chosen(root);
    const auto* action = actions.of(command);
    if (action == nullptr)
        return fail_with(usage_error(root, full_name(command) + " needs a command after it", {}));
    Session session(context, address_from(options, context), options.json, options.yes);
    auto code = (*action)(session);
    if (!code && code.error().id == errors::cli_usage.id)
        code.error().remedy = fmt::format("{} --help", full_name(command));
    if (!code) return fail_with(code.error());
    if (!context.out.flush())
        return fail_with(make_error(errors::cli_cannot_write, "the output could not be written"));
    return to_int(*code);
}

}  // namespace cutover::cli
