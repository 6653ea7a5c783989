// backup ..., compact: copies of what a device knows and is set to, and its database.

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "cli/change.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/text.h"
#include "model/backups.h"
#include "model/device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Backups*> backups_of(Session& session) {
    auto* const backups = TRY(session.device())->backups();
    if (backups == nullptr) return fail(Errc::unsupported, "this device keeps no backups");
    return backups;
}

std::string named(const PackageRef& package) {
    return fmt::format("{} {}", package.name, package.version.text());
}

Json json_of(const PackageRef& package) {
    return {{"kind", to_string(package.kind)},
            {"name", package.name},
            {"version", package.version.text()},
            {"digest", package.digest}};
}

Json json_of(const Backup& backup) {
    if (!backup.problem.empty())
        return {{"name", backup.name}, {"bytes", backup.bytes}, {"problem", backup.problem}};
    auto packages = Json::array();
    for (const auto& package : backup.packages) {
        packages.push_back(json_of(package));
        packages.back()["held"] = holds(backup, package);
    }
    auto members = Json::array();
    for (const auto& member : backup.members)
        members.push_back(
            {{"name", member.name}, {"bytes", member.bytes}, {"sha256", member.sha256}});
    return {{"name", backup.name},
            {"made", to_iso8601(backup.made)},
            {"automatic", backup.automatic},
            {"bytes", backup.bytes},
            {"device", backup.device},
            {"hardware", backup.hardware},
            {"uuid", backup.uuid},
            {"agent", backup.agent_version},
            {"base", json_of(backup.base)},
            {"packages", packages},
            {"generation", backup.generation},
            {"update_level", backup.update_level},
            {"members", members}};
}

std::string text_of(const Backup& backup, int width) {
    std::string packages;
    for (const auto& package : backup.packages)
        packages += fmt::format("{}{}{}", packages.empty() ? "" : ", ", named(package),
                                holds(backup, package) ? "" : " (not in it)");
    std::string text;
    const auto row = [&](std::string_view label, const std::string& value) {
        text += fmt::format("{}{}\n", padded(label, 12), printable(value));
    };
    row("backup", backup.name);
    row("made",
        fmt::format("{}{}", to_iso8601(backup.made), backup.automatic ? ", by an operation" : ""));
    row("size", human_size(backup.bytes));
    row("device", fmt::format("{} ({})", backup.device, backup.uuid));
    row("hardware", backup.hardware);
    row("base", fmt::format("{}, generation {}", named(backup.base), backup.generation));
    row("packages", packages.empty() ? "none" : packages);
    row("agent", backup.agent_version);
    Table table({"member", "size", "sha256"});
    for (const auto& member : backup.members)
        table.add({member.name, human_size(member.bytes), member.sha256.substr(0, 12)});
    return text + "\n" + table.text(width);
}

// What somebody who counts on it should know.
std::string left_out(const Backup& backup, bool wanted) {
    std::string names;
    for (const auto& package : backup.packages)
        if (!holds(backup, package)) names += (names.empty() ? "" : ", ") + named(package);
    if (names.empty()) return {};
    return fmt::format("Without {}{}.\n", printable(names),
                       wanted ? ": the device does not keep that package's file" : "");
}

Result<ExitCode> create(Session& session, const std::string& name, bool packages) {
    const auto backup = TRY(TRY(backups_of(session))->create(name, packages));
    session.print([&] { return dumped({{"backup", json_of(backup)}}); },
                  [&] {
                      return fmt::format("Created {}, {} in {}.\n{}", printable(backup.name),
                                         human_size(backup.bytes),
                                         counted(backup.members.size(), "member"),
                                         left_out(backup, packages));
                  });
    return ExitCode::done;
}

Result<ExitCode> list(Session& session) {
    const auto backups = TRY(TRY(backups_of(session))->list());
    auto all = Json::array();
    Table table({"backup", "size", "base", "made by"});
    for (const auto& backup : backups) {
        all.push_back(json_of(backup));
        if (backup.problem.empty())
            table.add({backup.name, human_size(backup.bytes), named(backup.base),
                       backup.automatic ? "an operation" : "a person"});
        else
            table.add({backup.name, human_size(backup.bytes), "?", backup.problem});
    }
    session.print([&] { return dumped({{"backups", all}}); },
                  [&] {
                      return backups.empty()
                                 ? "There is no backup: `cutover backup create` makes one.\n"
                                 : table.text(session.terminal().width);
                  });
    return ExitCode::done;
}

// The agent has another folder than the person.
std::string meant_by(const Session& session, const std::string& typed) {
    const auto path = (session.context().folder / typed).lexically_normal();
    std::error_code error;
    return std::filesystem::exists(path, error) ? path.string() : typed;
}

Result<ExitCode> show(Session& session, const std::string& typed) {
    const auto backup = TRY(TRY(backups_of(session))->show(meant_by(session, typed)));
    session.print([&] { return dumped({{"backup", json_of(backup)}}); },
                  [&] { return text_of(backup, session.terminal().width); });
    return ExitCode::done;
}

Result<ExitCode> verify(Session& session, const std::string& typed) {
    const auto backup = TRY(TRY(backups_of(session))->verify(meant_by(session, typed)));
    session.print([&] { return dumped({{"whole", true}, {"backup", json_of(backup)}}); },
                  [&] {
                      return fmt::format("{} is whole: {}, {}.\n", printable(backup.name),
                                         counted(backup.members.size(), "member"),
                                         human_size(backup.bytes));
                  });
    return ExitCode::done;
}

Json json_of(const PrunedBackups& pruned) {
    return {{"names", pruned.names}, {"bytes", pruned.bytes}};
}

std::string text_of(const PrunedBackups& pruned) {
    if (pruned.names.empty()) return "No backup was removed.\n";
    std::string text;
    for (const auto& name : pruned.names) text += fmt::format("Removed {}.\n", printable(name));
    return text + fmt::format("{} are free again.\n", human_size(pruned.bytes));
}

Result<ExitCode> prune(Session& session, const std::vector<std::string>& names) {
    const auto pruned = TRY(TRY(backups_of(session))->prune(names));
    session.print([&] { return dumped({{"pruned", json_of(pruned)}}); },
                  [&] { return text_of(pruned); });
    return ExitCode::done;
}

Result<ExitCode> compact(Session& session) {
    const auto done = TRY(TRY(backups_of(session))->compact());
    session.print(
        [&] {
            return dumped(
                {{"database", {{"before", done.bytes_before}, {"after", done.bytes_after}}},
                 {"pruned", json_of(done.pruned)}});
        },
        [&] {
            return fmt::format("The database took {} and takes {} now.\n{}",
                               human_size(done.bytes_before), human_size(done.bytes_after),
                               text_of(done.pruned));
        });
    return ExitCode::done;
}

void add_restore(CLI::App& backup, Actions& actions) {
    const auto options = std::make_shared<ChangeOptions>();
    options->words = {"backup", "restore"};
    auto& command = add_change(
        backup, actions, "restore", OperationKind::restore,
        "Put back configuration, settings, users and trust of a backup; the device restarts.",
        {"cutover backup restore nos-1.1.0@2026-11-21T10:02:11Z --preview",
         "cutover backup restore /media/usb/edge-1.backup"},
        options);
    command
        .add_option("NAME|FILE", options->sources, "As `cutover backup list` names it, or a file")
        ->required()
        ->expected(1)
        ->type_name("");
    add_plan_options(command, *options);
    add_wait_options(command, *options);
}

CLI::App& add_named(CLI::App& backup, Actions& actions, std::string_view name,
                    std::string_view purpose, std::string_view example,
                    Result<ExitCode> (*action)(Session&, const std::string&)) {
    auto& command = add_command(backup, name, purpose, {example});
    const auto typed = std::make_shared<std::string>();
    command.add_option("NAME|FILE", *typed, "As `cutover backup list` names it, or a file")
        ->required()
        ->type_name("");
    actions.bind(command, [typed, action](Session& session) { return action(session, *typed); });
    return command;
}

}  // namespace

void add_backup_commands(CLI::App& root, Actions& actions) {
    auto& backup = add_command(root, "backup", "Backups of what the device is set to.",
                               {"cutover backup create", "cutover backup list"});
    backup.group("Change");
    backup.require_subcommand(1);
    auto& creates = add_command(backup, "create", "Make one now; the device goes on working.",
                                {"cutover backup create", "cutover backup create --name golden"});
    const auto name = std::make_shared<std::string>();
    creates.add_option("--name", *name, "What it is called before the version (the base's name)")
        ->type_name("NAME");
    const auto no_packages = std::make_shared<bool>(false);
    creates.add_flag("--no-packages", *no_packages, "Leave out the packages on top of the base");
    actions.bind(creates, [name, no_packages](Session& session) {
        return create(session, *name, !*no_packages);
    });
    auto& lists = add_command(backup, "list", "The backups that the device keeps, oldest first.",
                              {"cutover backup list", "cutover backup list --json"});
    actions.bind(lists, list);
    add_named(backup, actions, "show", "What one holds, by its own account.",
              "cutover backup show nos-1.1.0@2026-11-21T10:02:11Z", show);
    add_named(backup, actions, "verify", "Read all of one and compare every digest.",
              "cutover backup verify /media/usb/edge-1.backup && echo whole", verify);
    add_restore(backup, actions);
    auto& prunes = add_command(
        backup, "prune", "Remove these, or what [backup] lets go.",
        {"cutover backup prune", "cutover backup prune nos-1.1.0@2026-11-21T10:02:11Z"});
    const auto names = std::make_shared<std::vector<std::string>>();
    prunes.add_option("NAME", *names, "As `cutover backup list` names them")->type_name("");
    actions.bind(prunes, [names](Session& session) { return prune(session, *names); });

    auto& compacts = add_command(
        root, "compact", "Give back what the database holds and does not need; prune backups.",
        {"cutover compact"});
    compacts.group("Change");
    actions.bind(compacts, compact);
}

}  // namespace cutover::cli
