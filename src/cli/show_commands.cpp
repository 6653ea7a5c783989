// show ..., events: what is asked of the device, and changes nothing.

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/error.h"
#include "cli/errors.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/grammar.h"
#include "cli/json.h"
#include "cli/render_operation.h"
#include "cli/render_state.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover::cli {
namespace {

using StateText = std::string (*)(const DeviceState&, const Terminal&);
using StateJson = std::string (*)(const DeviceState&);

Result<ExitCode> show_state(Session& session, StateText text, StateJson json) {
    auto* device = TRY(session.device());
    const auto state = TRY(device->state());
    session.print([&] { return json(state); }, [&] { return text(state, session.terminal()); });
    return ExitCode::done;
}

Result<ExitCode> show_lines(Session& session, const LogRequest& request, std::string_view name) {
    auto* device = TRY(session.device());
    const auto lines = TRY(device->log(request));
    session.print([&] { return json::lines(name, lines); },
                  [&] {
                      std::string text;
                      for (const auto& line : lines) text += printable(line) + '\n';
                      return text;
                  });
    return ExitCode::done;
}

void add_state_command(CLI::App& show, Actions& actions, std::string_view name,
                       std::string_view purpose, StateText text, StateJson json) {
    const auto typed = fmt::format("cutover show {}", name);
    auto& command = add_command(show, name, purpose, {typed, typed + " --json"});
    actions.bind(command,
                 [text, json](Session& session) { return show_state(session, text, json); });
}

void add_status(CLI::App& show, Actions& actions) {
    auto& command = add_command(show, "status", "What the device is doing, and how it is.",
                                {"cutover show status", "cutover show status --file"});
    const auto file = std::make_shared<bool>(false);
    command.add_flag("--file", *file,
                     "The status file: each stage entered and left, with its time");
    actions.bind(command, [file](Session& session) -> Result<ExitCode> {
        if (!*file) return show_state(session, status_text, json::status);
        return show_lines(session, {.source = LogSource::status_file}, "lines");
    });
}

void add_alarms(CLI::App& show, Actions& actions) {
    auto& command = add_command(show, "alarms", "What needs attention.",
                                {"cutover show alarms", "cutover show alarms --history"});
    const auto history = std::make_shared<bool>(false);
    command.add_flag("--history", *history, "Alarms raised and cleared, oldest first");
    actions.bind(command, [history](Session& session) -> Result<ExitCode> {
        if (!*history) return show_state(session, alarms_text, json::alarms);
        return show_lines(session, {.source = LogSource::alarm_history}, "lines");
    });
}

void add_operations(CLI::App& show, Actions& actions) {
    auto& command = add_command(show, "operations", "The last operations, newest first.",
                                {"cutover show operations", "cutover show operations --count 3"});
    const auto count = std::make_shared<int>(20);
    command.add_option("--count", *count, "How many, at most (20)")->type_name("N");
    actions.bind(command, [count](Session& session) -> Result<ExitCode> {
        if (*count < 1) return fail(errors::cli_usage, "--count {} is too small", *count);
        auto* device = TRY(session.device());
        const auto operations = TRY(device->operations(*count));
        session.print([&] { return json::operations(operations); },
                      [&] { return operations_text(operations, session.terminal()); });
        return ExitCode::done;
    });
}

struct OperationOptions {
    OperationId id = 0;
    bool follow = false;
    bool log = false;
    std::string timeout;
};

Result<ExitCode> show_operation(Session& session, const OperationOptions& options) {
    const auto timeout = TRY(timeout_from(options.timeout));
    if (options.log)
        return show_lines(
            session, {.source = LogSource::operation, .operation = options.id, .max_lines = 10'000},
            "lines");
    auto* device = TRY(session.device());
    if (options.follow) {
        const auto state = TRY(device->state());
        TRY(device->operation(options.id), "follow operation {}", options.id);
        return follow_and_report(session,
                                 {.operation = options.id,
                                  .after_sequence = state.last_event,
                                  .timeout = timeout,
                                  .until_trial = false},
                                 OperationState::done);
    }
    const auto operation = TRY(device->operation(options.id));
    session.print([&] { return json::operation(operation); },
                  [&] { return operation_text(operation, session.terminal()); });
    return ExitCode::done;
}

void add_operation(CLI::App& show, Actions& actions) {
    auto& command =
        add_command(show, "operation", "One operation: its stages, checks, result and log.",
                    {"cutover show operation 14", "cutover show operation 14 --follow",
                     "cutover show operation 14 --log"});
    const auto options = std::make_shared<OperationOptions>();
    command.add_option("N", options->id, "Its number")->required()->type_name("");
    command.add_flag("--follow", options->follow,
                     "Watch it until it is over; the exit code is then the operation's");
    command.add_flag("--log", options->log, "What its steps and scripts wrote");
    command.add_option("--timeout", options->timeout, "Watch no longer than this (30s, 10m, 2h)")
        ->type_name("DURATION");
    actions.bind(command,
                 [options](Session& session) { return show_operation(session, *options); });
}

void add_log(CLI::App& show, Actions& actions) {
    auto& command = add_command(show, "log", "The last lines of the agent's log.",
                                {"cutover show log", "cutover show log --lines 50"});
    const auto lines = std::make_shared<int>(200);
    command.add_option("--lines", *lines, "How many (200)")->type_name("N");
    actions.bind(command, [lines](Session& session) -> Result<ExitCode> {
        if (*lines < 1 || *lines > 10'000)
            return fail(errors::cli_usage, "--lines {} is not between 1 and 10000", *lines);
        return show_lines(session, {.source = LogSource::agent, .max_lines = *lines}, "lines");
    });
}

struct EventOptions {
    bool follow = false;
    int last = 50;
    std::int64_t after = -1;
    OperationId operation = 0;
};

Result<ExitCode> show_events(Session& session, const EventOptions& options) {
    if (options.last < 0) return fail(errors::cli_usage, "--last {} is too small", options.last);
    auto* device = TRY(session.device());
    const auto state = TRY(device->state());
    const auto last_ones = std::max<std::int64_t>(0, state.last_event - options.last);
    const FollowRequest request{.after_sequence = options.after >= 0 ? options.after : last_ones,
                                .operation = options.operation,
                                .progress = options.follow && session.json()};
    if (options.follow)
        TRY(follow_events(session, request));
    else
        TRY(print_events(session, request, state.last_event));
    return ExitCode::done;
}

void add_events(CLI::App& root, Actions& actions) {
    auto& command = add_command(
        root, "events", "What has happened, one event a line.",
        {"cutover events", "cutover events --follow", "cutover events --after 120 --json"});
    command.group("Look");
    const auto options = std::make_shared<EventOptions>();
    command.add_flag("--follow", options->follow, "Go on with new ones as they happen");
    command.add_option("--last", options->last, "Begin with the last so many (50)")->type_name("N");
    command.add_option("--after", options->after, "Begin after this sequence number")
        ->type_name("N");
    command.add_option("--operation", options->operation, "Only those of this operation")
        ->type_name("N");
    actions.bind(command, [options](Session& session) { return show_events(session, *options); });
}

}  // namespace

void add_show_commands(CLI::App& root, Actions& actions) {
    auto& show =
        add_command(root, "show", "Look at the device: versions, operations, health, logs.",
                    {"cutover show version", "cutover show operation 14 --follow",
                     "cutover show alarms --json"});
    show.group("Look");
    show.require_subcommand(1);
    add_state_command(show, actions, "version",
                      "What runs, what a reboot would start, and what is known good.", version_text,
                      json::version);
    add_state_command(show, actions, "generations", "All generations that are known.",
                      generations_text, json::generations);
    add_operations(show, actions);
    add_operation(show, actions);
    add_state_command(show, actions, "packages",
                      "The packages of the running, startup and committed generations.",
                      packages_text, json::packages);
    add_state_command(show, actions, "health", "Results of the health checks, and the services.",
                      health_text, json::health);
    add_alarms(show, actions);
    add_status(show, actions);
    add_state_command(show, actions, "startup", "What the next boot uses.", startup_text,
                      json::startup);
    add_log(show, actions);
    add_events(root, actions);
}

}  // namespace cutover::cli
