#include "model/plan_steps.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/counted.h"
#include "base/error.h"
#include "model/config_files.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_changes.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/slot.h"

namespace cutover {
namespace {

// Where the engine's steps stand among the two-digit prefixes of their stage.
namespace order {
constexpr int kCaptureBefore = 20;
constexpr int kBackup = 30;
constexpr int kStageBackup = 50;
constexpr int kUnpackHooks = 10;
constexpr int kWriteSlot = 50;
constexpr int kWriteLayer = 60;
constexpr int kCaptureAfter = 80;
constexpr int kCarryPersistent = 40;
constexpr int kUpgradeConfig = 45;
constexpr int kPrepareView = 50;
constexpr int kRecordGeneration = 30;
constexpr int kArmTrial = 40;
constexpr int kSwitchView = 45;
constexpr int kReboot = 50;
constexpr int kCheckTrial = 60;
constexpr int kAwaitCommit = 65;
constexpr int kCaptureFinal = 68;
constexpr int kCommit = 70;
}  // namespace order

void add(Plan& plan, Stage stage, int order, StepKind kind, std::string name,
         std::string description, std::string argument = {}) {
    plan.steps.push_back({.kind = kind,
                          .stage = stage,
                          .order = order,
                          .name = std::move(name),
                          .description = std::move(description),
                          .argument = std::move(argument),
                          .command = {}});
}

// Of what is offered, what the plan writes: a member of a pack that is there already brings
// nothing.
std::vector<const OfferedPackage*> written(const PlanInput& input, const Plan& plan) {
    std::vector<const OfferedPackage*> result;
    for (const auto& package : input.offered) {
        const bool is_base = !plan.source.empty() && package.digest == plan.manifest_digest;
        const auto is_it = [&](const PlannedLayer& layer) {
            return layer.package.digest == package.digest;
        };
        if (is_base || std::ranges::any_of(plan.layers, is_it)) result.push_back(&package);
    }
    return result;
}

// Whose hooks the plan runs: of what it writes to run it, and of what was obtained before and
// comes.
std::vector<const OfferedPackage*> hooked(const PlanInput& input, const Plan& plan) {
    using enum OperationKind;
    const auto& request = input.request;
    const bool activates = request.kind == activate && !request.packages.empty();
    if (request.kind != install && request.kind != upgrade && request.kind != reload && !activates)
        return {};
    auto result = written(input, plan);
    const auto* const running = find_generation(input.generations, input.marks.running);
    const auto holds = [](const std::vector<PackageRef>& packages, const std::string& digest) {
        return std::ranges::find(packages, digest, &PackageRef::digest) != packages.end();
    };
    for (const auto& package : input.at_hand)
        if (running && holds(input.depot.obtained, package.digest) &&
            holds(plan.target.packages, package.digest) &&
            !holds(running->packages, package.digest) &&
            std::ranges::none_of(
                result, [&](const OfferedPackage* one) { return one->digest == package.digest; }))
            result.push_back(&package);
    return result;
}

void add_hook_folder(const PlanInput& input, Plan& plan) {
    std::size_t hooks = 0;
    std::size_t modules = 0;
    bool at_once = false;
    bool migrations = false;  // may come alone, where the modules are those of others
    for (const auto* const package : hooked(input, plan)) {
        hooks += package->manifest.hooks.size();
        at_once = at_once || package->manifest.hooks.contains("init");
    }
    for (const auto* const package : written(input, plan)) {
        modules += package->manifest.config_modules.size();
        migrations = migrations || !package->manifest.config_migrations.empty();
    }
    if (hooks == 0 && modules == 0 && !migrations) return;
    auto what = hooks == 0 ? std::string() : counted(hooks, "hook");
    if (modules != 0) what += (what.empty() ? "" : " and ") + counted(modules, "YANG module");
    if (what.empty()) what = "migrations";
    add(plan, at_once ? Stage::init : Stage::prep, order::kUnpackHooks, StepKind::unpack_hooks,
        "unpack hooks", what + " of the packages");
}

void add_layers(const PlanInput& input, Plan& plan) {
    add_hook_folder(input, plan);
    for (const auto& layer : plan.layers)
        add(plan, Stage::install, order::kWriteLayer, StepKind::write_layer,
            fmt::format("write {}", layer.package.name),
            fmt::format("write {} package {}", to_string(layer.package.kind),
                        name_of(layer.package)),
            layer.package.digest);
}

// After the target runs: checked, perhaps waited for, and kept.
void add_trial(const PlanInput& input, Plan& plan, const std::string& what) {
    const auto& request = input.request;
    if (request.kind != OperationKind::revert)
        add(plan, Stage::postexecute, order::kCheckTrial, StepKind::check_trial, "check health",
            "all health checks must pass, or the device falls back by itself");
    if (request.trial.count() > 0)
        add(plan, Stage::postexecute, order::kAwaitCommit, StepKind::await_commit, "await commit",
            fmt::format("wait up to {} for `cutover commit`",
                        counted(static_cast<std::size_t>(request.trial.count()), "minute")));
    add(plan, Stage::postexecute, order::kCaptureFinal, StepKind::capture_evidence,
        "capture evidence", "of what runs now, compared with before", "after");
    add(plan, Stage::postexecute, order::kCommit, StepKind::commit, "commit",
        fmt::format("{} becomes what every fallback ends in", what));
}

std::string on_top(const Plan& plan) {
    auto base = name_of(plan.target.base);
    if (plan.target.packages.empty()) return base;
    return fmt::format("{} with {}", base, counted(plan.target.packages.size(), "package"));
}

}  // namespace

std::vector<const Manifest*> manifests_of(const PlanInput& input, const Generation& generation) {
    std::vector<const Manifest*> result;
    const auto* const offered = offered_base(input);
    const bool active = generation.slot == input.active;
    if (offered && offered->digest == generation.base.digest)
        result.push_back(&offered->manifest);
    else if (const auto& base = active ? input.base : input.standby)
        result.push_back(&*base);
    for (const auto& package : generation.packages)
        for (const auto* const known : {&input.at_hand, &input.offered})
            if (const auto found =
                    std::ranges::find(*known, package.digest, &OfferedPackage::digest);
                found != known->end()) {
                result.push_back(&found->manifest);
                break;
            }
    return result;
}

void add_install_steps(const PlanInput& input, Plan& plan) {
    const auto& manifest = offered_base(input)->manifest;
    const auto slot = std::string(to_string(plan.target.slot));
    add(plan, Stage::install, order::kWriteSlot, StepKind::write_slot,
        fmt::format("write slot {}", slot),
        fmt::format("write {} {} to slot {}", manifest.name, manifest.version.text(), slot));
    add_layers(input, plan);
    if (!plan.persist.empty())
        add(plan, Stage::configure, order::kCarryPersistent, StepKind::carry_persistent,
            "carry persistent files", fmt::format("carry over {}", fmt::join(plan.persist, ", ")));
    add(plan, Stage::postexecute, order::kRecordGeneration, StepKind::record_generation,
        "record generation", fmt::format("slot {} becomes bootable", slot));
}

void add_activation_steps(const PlanInput& input, Plan& plan) {
    const auto slot = to_string(plan.target.slot);
    if (plan.target.id == 0 && plan.source.empty())
        add(plan, Stage::postexecute, order::kRecordGeneration, StepKind::record_generation,
            "record generation", "a record of " + on_top(plan));
    add(plan, Stage::postexecute, order::kArmTrial, StepKind::arm_trial,
        fmt::format("start slot {} next", slot), fmt::format("the next boot tries slot {}", slot));
    if (input.request.mode == Mode::next_startup) return;
    add(plan, Stage::postexecute, order::kReboot, StepKind::reboot, "reboot",
        fmt::format("reboot into slot {} on trial", slot));
    add_trial(input, plan, name_of(plan.target.base));
}

void add_package_steps(const PlanInput& input, Plan& plan) {
    add_layers(input, plan);
    if (plan.target.id == 0)
        add(plan, Stage::postexecute, order::kRecordGeneration, StepKind::record_generation,
            "record generation", "a record of " + on_top(plan));
    if (input.request.mode == Mode::next_startup) {
        add(plan, Stage::postexecute, order::kArmTrial, StepKind::arm_trial, "start it next",
            "the next boot tries it");
        return;
    }
    add(plan, Stage::postinstall, order::kPrepareView, StepKind::prepare_view, "prepare view",
        "what the target looks like, beside what runs");
    add(plan, Stage::postexecute, order::kSwitchView, StepKind::switch_view, "switch",
        "from now on it runs; services follow");
    if (input.request.kind != OperationKind::activate) return add_trial(input, plan, on_top(plan));
    add(plan, Stage::postexecute, order::kCheckTrial, StepKind::check_trial, "check health",
        "all health checks must pass, or the device falls back by itself");
    add(plan, Stage::postexecute, order::kCommit, StepKind::hold, "hold",
        "it runs until `cutover patch run` or the next boot");
}

void add_record_steps(const PlanInput& input, Plan& plan) {
    add_layers(input, plan);
    if (input.request.kind != OperationKind::commit) {
        add(plan, Stage::postexecute, order::kRecordGeneration, StepKind::record_packages,
            "record packages", "nothing that runs changes");
        return;
    }
    if (plan.startup)
        add(plan, Stage::postexecute, order::kRecordGeneration, StepKind::record_generation,
            "record generation", "what boots start from now on");
    add(plan, Stage::postexecute, order::kCommit, StepKind::commit, "commit",
        "boots start with it from now on");
}

void add_startup_steps(const PlanInput& input, Plan& plan) {
    add(plan, Stage::postexecute, order::kArmTrial, StepKind::arm_trial, "start it next",
        "the next boot tries it");
    add(plan, Stage::postexecute, order::kReboot, StepKind::reboot, "reboot",
        "reboot into it on trial");
    add_trial(input, plan, on_top(plan));
}

void add_evidence_steps(Plan& plan) {
    add(plan, Stage::prep, order::kCaptureBefore, StepKind::capture_evidence, "capture evidence",
        "what is to be compared afterwards", "before");
    add(plan, Stage::postinstall, order::kCaptureAfter, StepKind::capture_evidence,
        "capture evidence", "compared with before", "after");
}

void add_reset_steps(Plan& plan) {
    add(plan, Stage::postexecute, order::kRecordGeneration, StepKind::order_reset, "order reset",
        "settings, data and users go when the device restarts");
    add(plan, Stage::postexecute, order::kArmTrial, StepKind::strip, "strip",
        "boots start the base alone");
    add(plan, Stage::postexecute, order::kReboot, StepKind::reboot, "reboot", "restart the device");
    add(plan, Stage::postexecute, order::kCheckTrial, StepKind::forget, "forget",
        "history, alarms, the standby slot and packages at hand go");
}

void add_backup_step(const PlanInput& input, Plan& plan) {
    if (!input.backs_up) return;
    add(plan, Stage::prep, order::kBackup, StepKind::create_backup, "create backup",
        "of database, settings, users and trust");
}

void add_restore_steps(const PlanInput& input, Plan& plan) {
    add(plan, Stage::install, order::kStageBackup, StepKind::stage_backup, "unpack backup",
        "all of it is verified first", input.backup_file);
    add_layers(input, plan);
    add(plan, Stage::postexecute, order::kRecordGeneration, StepKind::restore_database,
        "restore configuration", "as the backup holds it, all at once");
    add(plan, Stage::postexecute, order::kArmTrial, StepKind::restore_files, "restore files",
        "settings, trust, users and the startup configuration");
    if (plan.depot)
        add(plan, Stage::postexecute, order::kArmTrial, StepKind::record_packages,
            "record packages", "those of the backup are at hand again");
    add(plan, Stage::postexecute, order::kReboot, StepKind::reboot, "reboot",
        "restart the device, so that all of it takes effect");
}

void add_single_step(Plan& plan, StepKind kind) {
    if (kind == StepKind::disarm_trial)
        add(plan, Stage::postexecute, order::kArmTrial, kind, "start what runs next",
            "the next boot stays with what runs now");
    else if (kind == StepKind::reboot)
        add(plan, Stage::postexecute, order::kReboot, kind, "reboot", "restart the device");
    else
        add(plan, Stage::install, order::kWriteSlot, kind, "repair",
            "make boot record, slots and marks agree");
}

void add_config_step(const PlanInput& input, Plan& plan) {
    const bool starts = std::ranges::any_of(plan.steps, [](const Step& step) {
        return step.kind == StepKind::arm_trial || step.kind == StepKind::switch_view;
    });
    const auto* const running = find_generation(input.generations, input.marks.running);
    if (!starts || !running) return;
    const auto files = config_files_of(manifests_of(input, plan.target));
    if (same_modules(config_files_of(manifests_of(input, *running)), files)) return;
    const auto backs_up = std::ranges::find(plan.steps, StepKind::create_backup, &Step::kind);
    if (backs_up == plan.steps.end()) add_backup_step(input, plan);
    const auto modules = counted(files.modules.size(), "YANG module");
    add(plan, Stage::configure, order::kUpgradeConfig, StepKind::upgrade_config,
        "upgrade configuration",
        files.modules.empty() ? "no package brings YANG modules any more"
                              : "carry the configuration over to " + modules);
}

void add_scripts(const PlanInput& input, Plan& plan) {
    for (const auto& script : input.scripts)
        plan.steps.push_back({.kind = StepKind::script,
                              .stage = script.stage,
                              .order = script.order,
                              .name = script.name,
                              .description = fmt::format("{}", fmt::join(script.command, " ")),
                              .argument = script.digest,
                              .command = script.command});
    for (const auto* const package : hooked(input, plan))
        for (const auto& [stage_name, member] : package->manifest.hooks) {
            const auto stage = stage_from(stage_name);
            if (!stage) continue;  // parse_manifest() has refused it
            plan.steps.push_back({.kind = StepKind::hook,
                                  .stage = *stage,
                                  .order = 50,
                                  .name = member,
                                  .description = fmt::format("hook of {}", package->manifest.name),
                                  .argument = fmt::format("{}/{}", package->digest, member),
                                  .command = {}});
        }
}

Result<> check_hooks(const PlanInput& input, const Plan& plan) {
    for (const auto* const package : hooked(input, plan))
        if (!package->manifest.hooks.empty() && package->source.empty())
            return std::unexpected(
                make_error(errors::plan_package_lost,
                           fmt::format("the hooks of {} {} are not kept on the device",
                                       package->manifest.name, package->manifest.version.text()))
                    .with_remedy("Give the file of the package: `cutover install FILE`."));
    return {};
}

void sort_steps(Plan& plan) {
    std::ranges::stable_sort(plan.steps, {},
                             [](const Step& step) { return std::tuple(step.stage, step.order); });
}

}  // namespace cutover
