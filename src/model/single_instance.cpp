#include "model/single_instance.h"

#include <algorithm>
#include <string>

#include <fmt/core.h>

#include "model/generation.h"
#include "model/operation.h"
#include "model/package_changes.h"
#include "model/plan.h"
#include "model/planner.h"

namespace cutover {
namespace {

constexpr int kBeforeReboot = 45;

bool has(const Plan& plan, StepKind kind) {
    return std::ranges::find(plan.steps, kind, &Step::kind) != plan.steps.end();
}

// A preview shows descriptions, a journal names.
void reword(Step& step, const std::string& target) {
    using enum StepKind;
    const auto is = [&](StepKind kind) { return step.kind == kind; };
    if (is(write_slot)) {
        step.name = "install beside";
        step.description = target + " to a folder of its own in releases/";
    } else if (is(reboot)) {
        step.name = "stop, switch, start";
        step.description =
            fmt::format("services stop, `current` leads to {}, it starts on trial", target);
    } else if (is(check_trial)) {
        step.name = "verify";
        step.description =
            "readiness is awaited, then all health checks must pass, or the device "
            "falls back by itself";
    }
    std::string part;
    if (is(create_backup)) part = "backup";
    if (is(write_layer)) part = "packages";
    if (is(carry_persistent) || is(upgrade_config)) part = "configuration";
    if (is(write_slot) || is(reboot) || is(check_trial)) part = step.name;
    if (!part.empty()) step.description = fmt::format("{}: {}", part, step.description);
}

}  // namespace

void add_single_instance_steps(const PlanInput& input, Plan& plan) {
    if (!input.versioned_slots || plan.target.slot == input.active) return;
    for (auto& step : plan.steps) reword(step, name_of(plan.target.base));
    // The way back is not to be made longer.
    const auto kind = input.request.kind;
    const bool back = kind == OperationKind::revert || kind == OperationKind::rollback;
    if (back || !has(plan, StepKind::arm_trial) || !has(plan, StepKind::reboot)) return;
    plan.steps.push_back({.kind = StepKind::compact,
                          .stage = Stage::postexecute,
                          .order = kBeforeReboot,
                          .name = "compact database",
                          .description = "compact: give back what the database does not need",
                          .argument = {},
                          .command = {}});
}

}  // namespace cutover
