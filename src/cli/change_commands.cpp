// install, upgrade, activate, ...: what starts an operation.

#include <CLI/App.hpp>
#include <memory>

#include "cli/change.h"
#include "cli/grammar.h"
#include "cli/session.h"
#include "model/operation.h"

namespace cutover::cli {
namespace {

void add_sources(CLI::App& command, ChangeOptions& options) {
    command
        .add_option("FILE|URL|NAME", options.sources,
                    "Packages: files, http(s) URLs, or names of packages at hand")
        ->required()
        ->type_name("");
}

void add_package_changes(CLI::App& root, Actions& actions) {
    using enum OperationKind;
    auto options = std::make_shared<ChangeOptions>();
    auto* command = &add_change(
        root, actions, "install", install,
        "Put packages on the device, in service; a base goes to the standby slot, not started.",
        {"cutover install nos-1.2.0.cc", "cutover install bgp-8.5.ccx --preview",
         "cutover install https://example.net/bgp-8.5.ccx --trial 10",
         "cutover install bgp-8.5.ccx --mode next-startup"},
        options);
    add_sources(*command, *options);
    add_mode_option(*command, *options);
    add_trial_option(*command, *options);
    add_config_work_options(*command, *options);
    add_plan_options(*command, *options);
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command = &add_change(
        root, actions, "upgrade", upgrade,
        "Install packages and start them on trial; a failed trial goes back by itself.",
        {"cutover upgrade nos-1.2.0.cc --preview", "cutover upgrade nos-1.2.0.cc --plan 7f3c9a12",
         "cutover upgrade web-1.1.ccx --trial 10", "cutover upgrade pack-4.upk --check",
         "cutover upgrade nos-1.2.0.cc --mode next-startup"},
        options);
    add_sources(*command, *options);
    command->add_flag("--check", options->check,
                      "Only say whether it is newer than what is installed: exit code 0, else 3");
    add_mode_option(*command, *options);
    add_trial_option(*command, *options);
    add_config_work_options(*command, *options);
    add_plan_options(*command, *options);
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command = &add_change(
        root, actions, "activate", activate,
        "Start what is installed, on trial; a failed trial goes back by itself.",
        {"cutover activate", "cutover activate --trial 10", "cutover activate --mode next-startup"},
        options);
    add_mode_option(*command, *options);
    add_trial_option(*command, *options);
    add_config_work_options(*command, *options);
    add_plan_options(*command, *options);
    add_wait_options(*command, *options);
}

void add_returns(CLI::App& root, Actions& actions) {
    using enum OperationKind;
    auto options = std::make_shared<ChangeOptions>();
    auto* command = &add_change(root, actions, "commit", commit, "Keep what runs on trial.",
                                {"cutover commit"}, options);
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command = &add_change(
        root, actions, "revert", revert,
        "Boot the standby slot, if it was committed once. Makes no health checks.",
        {"cutover revert", "cutover revert --preview", "cutover revert --yes"}, options);
    add_mode_option(*command, *options);
    add_config_work_options(*command, *options);
    add_plan_options(*command, *options);
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command = &add_change(
        root, actions, "rollback", rollback,
        "Go back to a generation: the one committed before, or the one given.",
        {"cutover rollback", "cutover rollback 12", "cutover rollback 12 --preview"}, options);
    command
        ->add_option("GENERATION", options->generation, "As `cutover show generations` lists them")
        ->type_name("");
    add_mode_option(*command, *options);
    add_config_work_options(*command, *options);
    add_plan_options(*command, *options);
    add_wait_options(*command, *options);
}

void add_cancel(CLI::App& root, Actions& actions) {
    auto& command = add_command(root, "cancel", "Undo the operation at work.",
                                {"cutover cancel", "cutover cancel 14"});
    command.group("Change");
    const auto options = std::make_shared<ChangeOptions>();
    const auto operation = std::make_shared<OperationId>(0);
    command.add_option("N", *operation, "Only if it is this operation")->type_name("");
    add_wait_options(command, *options);
    actions.bind(command, [options, operation](Session& session) {
        return cancel(session, *operation, *options);
    });
}

void add_care(CLI::App& root, Actions& actions) {
    auto options = std::make_shared<ChangeOptions>();
    auto* command = &add_change(root, actions, "reboot", OperationKind::reboot,
                                "Restart the device into what is set for startup.",
                                {"cutover reboot", "cutover reboot --yes --no-wait"}, options);
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command = &add_change(root, actions, "reset", OperationKind::reset,
                          "Make the device as it was made, but for the running base; it restarts.",
                          {"cutover reset --factory", "cutover reset --factory --preview",
                           "cutover reset --factory --keep-access --yes"},
                          options);
    command
        ->add_flag("--factory", options->factory,
                   "Say so: there is no other reset, and no way back")
        ->required();
    command->add_flag("--keep-access", options->keep_access, "Users, certificates and keys stay");
    command->add_flag("--factory-base", options->factory_base,
                      "Refuse unless the device was made with the base that runs");
    add_plan_options(*command, *options);
    add_wait_options(*command, *options);

    options = std::make_shared<ChangeOptions>();
    command =
        &add_change(root, actions, "repair", OperationKind::repair,
                    "Finish or undo what was cut off; the agent does the same when it starts.",
                    {"cutover repair"}, options);
    add_wait_options(*command, *options);
}

}  // namespace

void add_change_commands(CLI::App& root, Actions& actions) {
    add_package_changes(root, actions);
    add_returns(root, actions);
    add_cancel(root, actions);
    add_care(root, actions);
}

}  // namespace cutover::cli
