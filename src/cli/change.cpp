#include "cli/change.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <expected>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/errors.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/grammar.h"
#include "cli/json.h"
#include "cli/operation_view.h"
#include "cli/render_operation.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/text.h"
#include "model/device.h"
#include "model/manifest.h"
#include "model/operation.h"

namespace cutover::cli {
namespace {

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto part = text.substr(0, text.find(','));
        if (!part.empty()) parts.emplace_back(part);
        text.remove_prefix(std::min(part.size() + 1, text.size()));
    }
    return parts;
}

// The agent has another folder than the person: paths become absolute here, and a slip of the
// fingers is found before anything is sent.
Result<std::string> source_from(const Session& session, const std::string& typed) {
    if (typed.find("://") != std::string::npos) return typed;
    const auto path = (session.context().folder / typed).lexically_normal();
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status))
        return fail(errors::cli_no_such_file, "{} does not exist", path.string());
    if (std::filesystem::is_directory(status))
        return fail(errors::cli_no_such_file, "{} is a folder, not a package", path.string());
    return path.string();
}

bool takes_names(OperationKind kind) {
    return kind == OperationKind::install || kind == OperationKind::upgrade;
}

// "bgp" or "bgp@1.2", and no file of that name: a package that the device has obtained.
bool is_name(const Session& session, const std::string& typed) {
    const auto name = typed.substr(0, typed.find('@'));
    std::error_code error;
    const bool plain = check_package_name(name) && name.find('.') == std::string::npos;
    return plain && !std::filesystem::exists(session.context().folder / typed, error);
}

// A backup by its name; where there is a file of that name, that is meant.
bool is_kept_backup(const Session& session, const std::string& typed) {
    std::error_code error;
    return typed.find('/') == std::string::npos &&
           !std::filesystem::exists(session.context().folder / typed, error);
}

Result<> read_config_work(const ChangeOptions& options, Request& request) {
    if (!options.max_wait.empty()) {
        const auto wait = parse_duration(options.max_wait);
        if (!wait || wait->count() < 0 || *wait > kLongestConfigWait)
            return fail(errors::cli_usage,
                        "--max-wait {}: a duration such as 0s, 30s or 10m is needed, at most 1h",
                        options.max_wait);
        request.max_wait = *wait;
    }
    const auto& action = options.timeout_action;
    if (!action.empty() && action != "kill" && action != "fail")
        return fail(errors::cli_usage, "--timeout-action {} is not kill or fail", action);
    request.end_config_work = action == "kill";
    request.wait_for_services = options.wait_commit_queue_empty;
    return {};
}

Result<Request> request_from(const Session& session, const ChangeOptions& options) {
    constexpr int kLongestTrial = 30 * 24 * 60;
    Request request;
    request.kind = options.kind;
    if (!options.mode.empty()) {
        const auto mode = mode_from(options.mode);
        if (!mode || *mode == Mode::automatic)
            return fail(errors::cli_usage, "--mode {} is not in-service or next-startup",
                        options.mode);
        request.mode = *mode;
    }
    if (options.trial_minutes < 0 || options.trial_minutes > kLongestTrial)
        return fail(errors::cli_usage, "--trial {} is not between 0 and {} minutes",
                    options.trial_minutes, kLongestTrial);
    request.trial = std::chrono::minutes(options.trial_minutes);
    request.force = split(options.force);
    request.plan_hash = options.plan;
    if (options.generation < 0)
        return fail(errors::cli_usage, "generation {} cannot be", options.generation);
    request.generation = options.generation;
    request.packages = options.packages;
    request.only_kind = options.only_kind;
    request.with_dependents = options.with_dependents;
    request.keep_access = options.keep_access;
    request.factory_base = options.factory_base;
    TRY(read_config_work(options, request));
    for (const auto& typed : options.sources) {  // last: the command line is right by now
        const bool kept = options.kind == OperationKind::restore && is_kept_backup(session, typed);
        if (kept)
            request.sources.push_back(typed);
        else if (options.only_names || (takes_names(options.kind) && is_name(session, typed)))
            request.packages.push_back(typed);
        else
            request.sources.push_back(TRY(source_from(session, typed)));
    }
    return request;
}

// The command again, without its --preview.
std::string typed_again(const ChangeOptions& options) {
    auto text = options.words.empty() ? fmt::format("cutover {}", to_string(options.kind))
                                      : fmt::format("cutover {}", fmt::join(options.words, " "));
    for (const auto& source : options.sources)
        text += source.find(' ') == std::string::npos ? " " + source : " '" + source + "'";
    if (options.with_dependents) text += " --with-dependents";
    if (options.factory) text += " --factory";
    if (options.keep_access) text += " --keep-access";
    if (options.factory_base) text += " --factory-base";
    if (options.generation != 0) text += fmt::format(" {}", options.generation);
    if (!options.mode.empty()) text += " --mode " + options.mode;
    if (options.trial_minutes != 0) text += fmt::format(" --trial {}", options.trial_minutes);
    if (!options.force.empty()) text += " --force " + options.force;
    if (!options.max_wait.empty()) text += " --max-wait " + options.max_wait;
    if (!options.timeout_action.empty()) text += " --timeout-action " + options.timeout_action;
    if (options.wait_commit_queue_empty) text += " --wait-commit-queue-empty";
    return text;
}

Result<ExitCode> print_preview(Session& session, Device& device, const Request& request,
                               const ChangeOptions& options) {
    const auto preview = TRY(device.preview(request));
    session.print([&] { return json::preview(preview); },
                  [&] { return preview_text(preview, typed_again(options), session.terminal()); });
    return preview.error ? ExitCode::refused : ExitCode::done;
}

Result<ExitCode> print_check(Session& session, Device& device, const Request& request) {
    const auto preview = TRY(device.preview(request));
    if (preview.error) return std::unexpected(*preview.error);
    const auto older = std::ranges::find_if(preview.checks, [](const CheckResult& check) {
        return check.name == "downgrade" && check.verdict == CheckVerdict::warning;
    });
    if (older != preview.checks.end()) return fail(errors::cli_not_newer, "{}", older->detail);
    session.print([&] { return json::preview(preview); },
                  [&] { return fmt::format("Newer: {}\n", printable(preview.title)); });
    return ExitCode::done;
}

// Only what cannot be undone by the next command is asked about, and only at a terminal.
Result<> ask(Session& session, Device& device, const Request& request) {
    using enum OperationKind;
    const bool reboots = request.kind == revert || request.kind == rollback ||
                         request.kind == reboot || request.kind == reset || request.kind == restore;
    const auto& terminal = session.terminal();
    const bool asked = terminal.in && terminal.err && !session.json();
    if (request.kind == reset && !asked && !session.yes())
        return fail(errors::cli_needs_yes, "a factory reset cannot be undone");
    if (!reboots || request.mode == Mode::next_startup || !terminal.in || !terminal.err) return {};
    const auto preview = TRY(device.preview(request));
    if (preview.error) return std::unexpected(*preview.error);
    const auto interrupts =
        preview.interrupts.empty() ? "" : fmt::format("; interrupts {}", preview.interrupts);
    const auto* const question =
        request.kind == reset ? "There is no way back. Reset it now?" : "Reboot now?";
    if (session.confirm(
            fmt::format("{}{}\n{}", printable(preview.title), printable(interrupts), question)))
        return {};
    return fail(errors::cli_declined, "nothing was changed");
}

// A rollback while an operation waits for its commit is the answer no to that one: it is then to be
// undone, not done.
OperationState wanted_end(const Request& request, const DeviceState& before) {
    const bool answers = request.kind == OperationKind::rollback && before.current &&
                         before.current->state == OperationState::awaiting_commit;
    return answers ? OperationState::cancelled : OperationState::done;
}

// The operation that has begun after `last`; none when it does not come.
std::optional<OperationId> next_operation(Session& session, OperationId last) {
    constexpr std::chrono::milliseconds kPause{100};
    constexpr int kTries = 300;
    for (int i = 0; i < kTries; ++i) {
        const auto device = session.device();
        const auto newest = device ? (*device)->operations(1) : Result<std::vector<Operation>>();
        if (!device || !newest) session.forget_device();
        if (newest && !newest->empty() && newest->front().id > last) return newest->front().id;
        if (!session.context().clock.sleep(kPause, {})) break;
    }
    return std::nullopt;
}

// What was set for startup is tried by the boot, as an operation of its own: the reboot is not the
// end of it.
Result<ExitCode> reboot_into_trial(Session& session, const FollowOptions& following) {
    const auto view = make_view(session, following.operation);
    const auto rebooted = TRY(follow_operation(session, *view, following));
    if (rebooted.state != OperationState::done)
        return report_end(session, rebooted, OperationState::done);
    session.print([&] { return json::result(rebooted, ExitCode::done); },
                  [&] { return restarted_text(rebooted); });
    const auto trial = next_operation(session, following.operation);
    if (!trial) {
        if (!session.json())
            session.print_text("Its checks are still to come: `cutover show operations` tells.\n");
        return ExitCode::done;
    }
    if (session.json()) session.print_line(json::started(*trial));
    auto next = following;
    next.operation = *trial;
    next.until_trial = true;
    return follow_and_report(session, next, OperationState::done);
}

}  // namespace

Result<ExitCode> change(Session& session, const ChangeOptions& options) {
    const auto request = TRY(request_from(session, options));
    const auto timeout = TRY(timeout_from(options.timeout));
    auto* device = TRY(session.device());
    if (options.check) return print_check(session, *device, request);
    if (options.preview) return print_preview(session, *device, request, options);
    TRY(ask(session, *device, request));
    const auto before = TRY(device->state());
    const auto id = TRY(device->start(request));
    if (session.json()) session.print_line(json::started(id));
    if (options.no_wait) {
        if (!session.json())
            session.print_text(fmt::format(
                "Operation {} has begun; `cutover show operation {} --follow` watches it.\n", id,
                id));
        return ExitCode::done;
    }
    const FollowOptions following{.operation = id,
                                  .after_sequence = before.last_event,
                                  .timeout = timeout,
                                  .until_trial = request.trial.count() > 0};
    const auto& marks = before.marks;
    if (request.kind == OperationKind::reboot && marks.startup != marks.running &&
        marks.startup != marks.committed)
        return reboot_into_trial(session, following);
    return follow_and_report(session, following, wanted_end(request, before), &before);
}

Result<ExitCode> cancel(Session& session, OperationId operation, const ChangeOptions& options) {
    const auto timeout = TRY(timeout_from(options.timeout));
    auto* device = TRY(session.device());
    const auto state = TRY(device->state());
    if (operation == 0) {
        if (!state.current)
            return fail(errors::cli_nothing_to_cancel, "there is nothing to cancel");
        operation = state.current->id;
    }
    TRY(device->cancel(operation));
    if (options.no_wait) {
        session.print([&] { return json::started(operation); },
                      [&] { return fmt::format("Operation {} is being undone.\n", operation); });
        return ExitCode::done;
    }
    return follow_and_report(session,
                             {.operation = operation,
                              .after_sequence = state.last_event,
                              .timeout = timeout,
                              .until_trial = false},
                             OperationState::cancelled);
}

void add_wait_options(CLI::App& command, ChangeOptions& options) {
    command.add_flag("--no-wait", options.no_wait,
                     "Return once it has begun; it goes on by itself");
    command
        .add_option("--timeout", options.timeout,
                    "Wait no longer than this (30s, 10m, 2h); it goes on by itself")
        ->type_name("DURATION");
}

void add_plan_options(CLI::App& command, ChangeOptions& options) {
    command.add_flag("--preview", options.preview,
                     "Plan and check, change nothing; prints the plan's hash");
    command.add_option("--plan", options.plan, "Refuse unless the plan is the one with this hash")
        ->type_name("HASH");
    command
        .add_option("--force", options.force,
                    "Skip exactly these checks, by the names that --preview shows")
        ->type_name("CHECK[,CHECK...]")
        ->join(',');
}

void add_config_work_options(CLI::App& command, ChangeOptions& options) {
    command
        .add_option("--max-wait", options.max_wait,
                    "Wait so long for configuration work that is open (10s); 0s: not at all")
        ->type_name("DURATION");
    command
        .add_option("--timeout-action", options.timeout_action,
                    "After that time: end that work, or give up (fail)")
        ->type_name("kill|fail");
    command.add_flag("--wait-commit-queue-empty", options.wait_commit_queue_empty,
                     "Wait, too, until services have taken all that was committed");
}

void add_mode_option(CLI::App& command, ChangeOptions& options) {
    command
        .add_option("--mode", options.mode,
                    "When it takes effect: at once, or with the next reboot")
        ->type_name("in-service|next-startup");
}

void add_trial_option(CLI::App& command, ChangeOptions& options) {
    command
        .add_option("--trial", options.trial_minutes,
                    "Wait so long for `cutover commit`, else go back; 0 commits by itself (0)")
        ->type_name("MINUTES");
}

CLI::App& add_change(CLI::App& parent, Actions& actions, std::string_view name, OperationKind kind,
                     std::string_view purpose, std::initializer_list<std::string_view> examples,
                     const std::shared_ptr<ChangeOptions>& options) {
    options->kind = kind;
    auto& command = add_command(parent, name, purpose, examples);
    command.group("Change");
    actions.bind(command, [options](Session& session) { return change(session, *options); });
    return command;
}

}  // namespace cutover::cli
