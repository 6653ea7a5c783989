// uninstall, packages ..., patch ...: what lies on top of a base.

#include <CLI/App.hpp>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/change.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/json.h"
#include "cli/render_operation.h"
#include "cli/render_state.h"
#include "cli/session.h"
#include "cli/state_view.h"
#include "model/device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover::cli {
namespace {

using Options = std::shared_ptr<ChangeOptions>;

struct Command {
    std::string_view group;  // "packages"; empty at the root
    std::string_view name;
    OperationKind kind;
    std::string_view purpose;
};

CLI::App& add(CLI::App& parent, Actions& actions, const Command& what,
              std::initializer_list<std::string_view> examples, const Options& options) {
    if (!what.group.empty()) options->words = {std::string(what.group), std::string(what.name)};
    return add_change(parent, actions, what.name, what.kind, what.purpose, examples, options);
}

void add_names(CLI::App& command, ChangeOptions& options, std::string_view purpose) {
    options.only_names = true;
    command.add_option("NAME", options.sources, std::string(purpose))->required()->type_name("");
}

void add_files(CLI::App& command, ChangeOptions& options) {
    command.add_option("FILE|URL", options.sources, "Packages: files, or http(s) URLs")
        ->required()
        ->type_name("");
}

void add_uninstall(CLI::App& root, Actions& actions) {
    const auto options = std::make_shared<ChangeOptions>();
    auto& command =
        add(root, actions,
            {.group = "",
             .name = "uninstall",
             .kind = OperationKind::uninstall,
             .purpose = "Take packages off the base, in service."},
            {"cutover uninstall bgp", "cutover uninstall bgp --with-dependents --preview",
             "cutover uninstall bgp --mode next-startup"},
            options);
    add_names(command, *options, "As `cutover show packages` lists them: bgp, bgp@8.5");
    command.add_flag("--with-dependents", options->with_dependents,
                     "Packages that need them go as well");
    add_mode_option(command, *options);
    add_trial_option(command, *options);
    add_config_work_options(command, *options);
    add_plan_options(command, *options);
    add_wait_options(command, *options);
}

Result<ExitCode> show_packages(Session& session) {
    auto* device = TRY(session.device());
    const auto state = TRY(device->state());
    session.print([&] { return json::packages(state); },
                  [&] { return packages_text(state, session.terminal()); });
    return ExitCode::done;
}

void add_reload(CLI::App& packages, Actions& actions) {
    const auto options = std::make_shared<ChangeOptions>();
    auto& command = add(packages, actions,
                        {.group = "packages",
                         .name = "reload",
                         .kind = OperationKind::reload,
                         .purpose = "Make all that was marked take effect together, in service."},
                        {"cutover packages reload --dry-run", "cutover packages reload",
                         "cutover packages reload --force"},
                        options);
    add_plan_options(command, *options);
    // Alone it is about what only a reload is asked.
    command.get_option("--force")
        ->expected(0, 1)
        ->default_str("data")
        ->type_name("[CHECK[,CHECK...]]")
        ->description("Skip exactly these checks; alone: have packages go that keep data");
    command.add_flag("--dry-run", options->preview, "The same as --preview");
    add_mode_option(command, *options);
    add_trial_option(command, *options);
    add_config_work_options(command, *options);
    add_wait_options(command, *options);
}

void add_packages(CLI::App& root, Actions& actions) {
    auto& packages = add_command(root, "packages",
                                 "Obtain packages now, and have them take effect together later.",
                                 {"cutover packages fetch bgp-8.5.ccx",
                                  "cutover packages install bgp", "cutover packages reload"});
    packages.group("Change");
    packages.require_subcommand(1);
    auto& list =
        add_command(packages, "list", "The packages that the device has, and their states.",
                    {"cutover packages list", "cutover packages list --json"});
    actions.bind(list, show_packages);

    auto options = std::make_shared<ChangeOptions>();
    auto* command = &add(packages, actions,
                         {.group = "packages",
                          .name = "fetch",
                          .kind = OperationKind::fetch,
                          .purpose = "Obtain packages; nothing that runs changes."},
                         {"cutover packages fetch bgp-8.5.ccx",
                          "cutover packages fetch https://example.net/bgp-8.5.ccx"},
                         options);
    add_files(*command, *options);
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command = &add(packages, actions,
                   {.group = "packages",
                    .name = "install",
                    .kind = OperationKind::select,
                    .purpose = "Mark obtained packages to come with the next reload."},
                   {"cutover packages install bgp", "cutover packages install bgp@8.5"}, options);
    add_names(*command, *options, "A package at hand, the newest of that name: bgp, bgp@8.5");
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command = &add(packages, actions,
                   {.group = "packages",
                    .name = "deinstall",
                    .kind = OperationKind::deselect,
                    .purpose = "Mark packages to go with the next reload."},
                   {"cutover packages deinstall bgp"}, options);
    add_names(*command, *options, "As `cutover packages list` names them");
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command = &add(packages, actions,
                   {.group = "packages",
                    .name = "drop",
                    .kind = OperationKind::discard,
                    .purpose = "Give up packages that are obtained and not on top of the base."},
                   {"cutover packages drop bgp", "cutover packages drop bgp@8.5"}, options);
    add_names(*command, *options, "All versions at hand of that name, or one: bgp, bgp@8.5");
    add_plan_options(*command, *options);
    add_wait_options(*command, *options);
    add_reload(packages, actions);
}

std::vector<std::string> patches_on(const DeviceState& state, GenerationId id) {
    std::vector<std::string> digests;
    if (const auto* const generation = find_generation(state, id))
        for (const auto& package : generation->packages)
            if (package.kind == PackageKind::patch) digests.push_back(package.digest);
    return digests;
}

// It names a patch, or leads to a generation with others: a base upgrade, a pack, a rollback.
bool concerns_patches(const Operation& operation, const DeviceState& state) {
    const auto words = " " + operation.title + " ";
    if (words.find(" patch ") != std::string::npos || words.find(" patches ") != std::string::npos)
        return true;
    const bool known =
        find_generation(state, operation.from) && find_generation(state, operation.to);
    return known && patches_on(state, operation.from) != patches_on(state, operation.to);
}

// What was done with patches, newest first.
Result<ExitCode> show_patch_history(Session& session) {
    constexpr int kSearched = 500;
    auto* device = TRY(session.device());
    auto operations = TRY(device->operations(kSearched));
    const auto state = TRY(device->state());
    std::erase_if(operations,
                  [&](const Operation& operation) { return !concerns_patches(operation, state); });
    session.print([&] { return json::operations(operations); },
                  [&] { return operations_text(operations, session.terminal()); });
    return ExitCode::done;
}

Result<ExitCode> show_patches(Session& session) {
    auto* device = TRY(session.device());
    const auto state = TRY(device->state());
    session.print([&] { return json::patches(state); },
                  [&] { return patches_text(state, session.terminal()); });
    return ExitCode::done;
}

void add_patch_load(CLI::App& patch, Actions& actions) {
    const auto options = std::make_shared<ChangeOptions>();
    auto& command =
        add(patch, actions,
            {.group = "patch",
             .name = "load",
             .kind = OperationKind::fetch,
             .purpose = "Obtain patches; they stay deactive until they are activated."},
            {"cutover patch load fix-1.PAT", "cutover patch load fix-1.PAT --run"}, options);
    options->only_kind = PackageKind::patch;
    add_files(command, *options);
    const auto run = std::make_shared<bool>(false);
    command.add_flag("--run", *run, "Activate and run them in one go: they survive reboots");
    add_wait_options(command, *options);
    actions.bind(command, [options, run](Session& session) {
        auto wanted = *options;
        if (*run) wanted.kind = OperationKind::install;
        return change(session, wanted);
    });
}

void add_patch_step(CLI::App& patch, Actions& actions, const Command& what) {
    const auto options = std::make_shared<ChangeOptions>();
    const auto typed = "cutover patch " + std::string(what.name) + " fix";
    auto& command = add(patch, actions, what, {typed}, options);
    if (what.kind == OperationKind::discard) options->only_kind = PackageKind::patch;
    add_names(command, *options, "As `cutover patch show` lists them");
    add_plan_options(command, *options);
    add_wait_options(command, *options);
}

void add_patch(CLI::App& root, Actions& actions) {
    auto& patch =
        add_command(root, "patch", "Patches of what runs: load, activate, keep, take back.",
                    {"cutover patch load fix-1.PAT", "cutover patch active fix",
                     "cutover patch run fix", "cutover patch show"});
    patch.group("Change");
    patch.require_subcommand(1);
    add_patch_load(patch, actions);
    add_patch_step(patch, actions,
                   {.group = "patch",
                    .name = "active",
                    .kind = OperationKind::activate,
                    .purpose = "Have loaded patches work, until the next boot."});
    add_patch_step(patch, actions,
                   {.group = "patch",
                    .name = "run",
                    .kind = OperationKind::commit,
                    .purpose = "Keep active patches over reboots."});
    add_patch_step(patch, actions,
                   {.group = "patch",
                    .name = "deactive",
                    .kind = OperationKind::deactivate,
                    .purpose = "Take patches out of service; they stay loaded."});
    add_patch_step(patch, actions,
                   {.group = "patch",
                    .name = "delete",
                    .kind = OperationKind::discard,
                    .purpose = "Take patches off the device, out of service first."});
    auto& show =
        add_command(patch, "show", "The patches, their states and the services they touch.",
                    {"cutover patch show", "cutover patch show --history"});
    const auto history = std::make_shared<bool>(false);
    show.add_flag("--history", *history, "What was done with patches, newest first");
    actions.bind(show, [history](Session& session) {
        return *history ? show_patch_history(session) : show_patches(session);
    });
}

}  // namespace

void add_package_commands(CLI::App& root, Actions& actions) {
    add_uninstall(root, actions);
    add_packages(root, actions);
    add_patch(root, actions);
}

}  // namespace cutover::cli
