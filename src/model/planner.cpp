#include "model/planner.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover {
namespace {

// Where the engine's steps stand among the two-digit prefixes of their stage.
namespace order {
constexpr int kCaptureBefore = 20;
constexpr int kUnpackHooks = 10;
constexpr int kWriteSlot = 50;
constexpr int kCaptureAfter = 80;
constexpr int kCarryPersistent = 40;
constexpr int kRecordGeneration = 30;
constexpr int kArmTrial = 40;
constexpr int kReboot = 50;
constexpr int kCheckTrial = 60;
constexpr int kAwaitCommit = 65;
constexpr int kCaptureFinal = 68;
constexpr int kCommit = 70;
}  // namespace order

bool installs(OperationKind kind) {
    return kind == OperationKind::install || kind == OperationKind::upgrade;
}

bool goes_to_a_slot(OperationKind kind) {
    using enum OperationKind;
    return kind == upgrade || kind == activate || kind == revert || kind == rollback;
}

const SlotStatus& slot_status(const PlanInput& input, Slot slot) {
    return *std::ranges::find(input.slots, slot, &SlotStatus::slot);
}

bool forced(const Request& request, std::string_view check) {
    return std::ranges::find(request.force, check) != request.force.end();
}

// Of a request that installs: make_plan() has refused one without a package.
const OfferedPackage& offered(const PlanInput& input) {
    CUTOVER_CHECK(input.package.has_value());
    return *input.package;
}

Result<Generation> target_of_package(const PlanInput& input) {
    const auto& request = input.request;
    if (request.sources.size() != 1 || !input.package)
        return fail(errors::plan_one_base, "{} packages were given", request.sources.size());
    const auto& manifest = input.package->manifest;
    if (manifest.kind != PackageKind::base)
        return fail(errors::plan_kind_unsupported, "{} {} is a {} package", manifest.name,
                    manifest.version.text(), to_string(manifest.kind));
    Generation target;
    target.base = {.kind = manifest.kind,
                   .name = manifest.name,
                   .version = manifest.version,
                   .digest = input.package->digest};
    target.slot = other(input.active);
    if (const auto* running = find_generation(input.generations, input.marks.running)) {
        target.packages = running->packages;
        target.configuration_revision = running->configuration_revision;
        target.update_level = 0;  // packs belong to the base that they were made for
    }
    target.created = input.now;
    return target;
}

Result<Generation> target_on_standby(const PlanInput& input) {
    const auto standby = other(input.active);
    const auto& slot = slot_status(input, standby);
    const auto* const generation = generation_in(input.generations, standby);
    const bool holds = slot.state == SlotState::installed || slot.state == SlotState::bad;
    if (!holds || !generation)
        return fail(errors::plan_no_standby, "standby slot {} is {}", to_string(standby),
                    to_string(slot.state));
    return *generation;
}

// A startup that was set and has not happened yet: the first thing to take back.
bool takes_startup_back(const PlanInput& input) {
    const auto& request = input.request;
    return request.kind == OperationKind::rollback && input.marks.startup != input.marks.running &&
           (request.generation == 0 || request.generation == input.marks.running);
}

Result<Generation> target_of_rollback(const PlanInput& input) {
    auto id = takes_startup_back(input) ? input.marks.running : input.request.generation;
    if (id == 0) {  // the newest other one that was committed
        const auto candidate =
            std::ranges::find_if(input.generations.rbegin(), input.generations.rend(),
                                 [&](const Generation& generation) {
                                     return generation.committed_once && generation.kept &&
                                            generation.id != input.marks.running;
                                 });
        if (candidate == input.generations.rend())
            return fail(errors::plan_generation_unknown,
                        "no other generation that was committed is kept");
        id = candidate->id;
    }
    const auto* const generation = find_generation(input.generations, id);
    if (!generation) return fail(errors::plan_generation_unknown, "there is no generation {}", id);
    if (takes_startup_back(input)) return *generation;
    if (id == input.marks.running)
        return fail(errors::plan_already_running, "generation {} runs already", id);
    if (!generation->kept || generation->slot == input.active)
        return fail(errors::plan_generation_not_kept, "generation {} ({} {}) is in no slot", id,
                    generation->base.name, generation->base.version.text());
    return *generation;
}

Result<Generation> target_of(const PlanInput& input) {
    const auto& request = input.request;
    if (installs(request.kind)) return target_of_package(input);
    switch (request.kind) {
        case OperationKind::activate: {
            auto target = TRY(target_on_standby(input));
            if (target.bad && !forced(request, "slot"))
                return fail(errors::plan_standby_bad, "{} {} in slot {} failed its last trial",
                            target.base.name, target.base.version.text(), to_string(target.slot));
            return target;
        }
        case OperationKind::revert: {
            auto target = TRY(target_on_standby(input));
            if (!target.committed_once)
                return fail(errors::plan_never_committed, "{} {} in slot {} was never committed",
                            target.base.name, target.base.version.text(), to_string(target.slot));
            return target;
        }
        case OperationKind::rollback: return target_of_rollback(input);
        case OperationKind::commit:
            return fail(errors::plan_nothing_on_trial, "there is nothing to commit");
        case OperationKind::reboot:
        case OperationKind::repair: return Generation{};
        case OperationKind::install:
        case OperationKind::upgrade: break;
    }
    std::unreachable();
}

std::string title_of(const PlanInput& input, const Generation& target) {
    const auto& request = input.request;
    const auto* const running = find_generation(input.generations, input.marks.running);
    const auto to = fmt::format("{} {}", target.base.name, target.base.version.text());
    if (target.base.name.empty()) return std::string(to_string(request.kind));
    if (!running) return fmt::format("{} base {}", to_string(request.kind), to);
    if (request.kind == OperationKind::upgrade) {
        const auto& from = running->base;
        const auto before = from.name == target.base.name
                                ? fmt::format("{} {}", from.name, from.version.text())
                                : fmt::format("{} {} by", from.name, from.version.text());
        return from.name == target.base.name
                   ? fmt::format("upgrade base {} -> {}", before, target.base.version.text())
                   : fmt::format("replace base {} {}", before, to);
    }
    const auto preposition = request.kind == OperationKind::install    ? ""
                             : request.kind == OperationKind::activate ? ""
                                                                       : "to ";
    return fmt::format("{} {}base {}", to_string(request.kind), preposition, to);
}

class Steps {
public:
    explicit Steps(std::vector<Step>& steps) : steps_(steps) {}

    void add(Stage stage, int order, StepKind kind, std::string name, std::string description,
             std::string argument = {}) {
        steps_.push_back({.kind = kind,
                          .stage = stage,
                          .order = order,
                          .name = std::move(name),
                          .description = std::move(description),
                          .argument = std::move(argument)});
    }

private:
    std::vector<Step>& steps_;
};

void add_install_steps(const PlanInput& input, const Plan& plan, Steps& steps) {
    const auto& manifest = offered(input).manifest;
    const auto slot = std::string(to_string(plan.target.slot));
    if (!manifest.hooks.empty())
        steps.add(manifest.hooks.contains("init") ? Stage::init : Stage::prep, order::kUnpackHooks,
                  StepKind::unpack_hooks, "unpack hooks",
                  fmt::format("{} hooks of the package", manifest.hooks.size()));
    steps.add(Stage::install, order::kWriteSlot, StepKind::write_slot,
              fmt::format("write slot {}", slot),
              fmt::format("write {} {} to slot {}", manifest.name, manifest.version.text(), slot));
    if (!plan.persist.empty())
        steps.add(Stage::configure, order::kCarryPersistent, StepKind::carry_persistent,
                  "carry persistent files",
                  fmt::format("carry over {}", fmt::join(plan.persist, ", ")));
    steps.add(Stage::postexecute, order::kRecordGeneration, StepKind::record_generation,
              "record generation", fmt::format("slot {} becomes bootable", slot));
}

void add_activation_steps(const PlanInput& input, const Plan& plan, Steps& steps) {
    const auto& request = input.request;
    const auto slot = to_string(plan.target.slot);
    const bool now = request.mode != Mode::next_startup;
    steps.add(Stage::postexecute, order::kArmTrial, StepKind::arm_trial,
              fmt::format("start slot {} next", slot),
              fmt::format("the next boot tries slot {}", slot));
    if (!now) return;
    steps.add(Stage::postexecute, order::kReboot, StepKind::reboot, "reboot",
              fmt::format("reboot into slot {} on trial", slot));
    if (request.kind != OperationKind::revert)
        steps.add(Stage::postexecute, order::kCheckTrial, StepKind::check_trial, "check health",
                  "all health checks must pass, or the device falls back by itself");
    if (request.trial.count() > 0)
        steps.add(Stage::postexecute, order::kAwaitCommit, StepKind::await_commit, "await commit",
                  fmt::format("wait up to {} minutes for `cutover commit`", request.trial.count()));
    steps.add(Stage::postexecute, order::kCaptureFinal, StepKind::capture_evidence,
              "capture evidence", "on the new base, compared with before", "after");
    steps.add(Stage::postexecute, order::kCommit, StepKind::commit, "commit",
              fmt::format("{} {} becomes the one that every fallback ends in",
                          plan.target.base.name, plan.target.base.version.text()));
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
    if (!installs(input.request.kind)) return;
    for (const auto& [stage_name, member] : offered(input).manifest.hooks) {
        const auto stage = stage_from(stage_name);
        if (!stage) continue;  // parse_manifest() has refused it
        plan.steps.push_back({.kind = StepKind::hook,
                              .stage = *stage,
                              .order = 50,
                              .name = member,
                              .description = fmt::format("hook of {}", plan.target.base.name),
                              .argument = member,
                              .command = {}});
    }
}

}  // namespace

const Generation* find_generation(const std::vector<Generation>& generations, GenerationId id) {
    const auto found = std::ranges::find(generations, id, &Generation::id);
    return found == generations.end() ? nullptr : &*found;
}

const Generation* generation_in(const std::vector<Generation>& generations, Slot slot) {
    const auto found = std::find_if(generations.rbegin(), generations.rend(),
                                    [&](const auto& one) { return one.kept && one.slot == slot; });
    return found == generations.rend() ? nullptr : &*found;
}

Result<Plan> make_plan(const PlanInput& input) {
    const auto& request = input.request;
    if (request.mode == Mode::in_service &&
        (installs(request.kind) || goes_to_a_slot(request.kind)))
        return fail(errors::plan_base_in_service, "a base cannot be changed in service");
    Plan plan;
    plan.target = TRY(target_of(input));
    plan.title = title_of(input, plan.target);
    Steps steps(plan.steps);
    steps.add(Stage::prep, order::kCaptureBefore, StepKind::capture_evidence, "capture evidence",
              "what is to be compared afterwards", "before");
    if (installs(request.kind)) {
        plan.source = offered(input).source;
        plan.manifest_digest = offered(input).digest;
        plan.persist = offered(input).manifest.persist;
        add_install_steps(input, plan, steps);
    }
    steps.add(Stage::postinstall, order::kCaptureAfter, StepKind::capture_evidence,
              "capture evidence", "compared with before", "after");
    if (takes_startup_back(input))
        steps.add(Stage::postexecute, order::kArmTrial, StepKind::disarm_trial,
                  "start the running base next", "the next boot stays with what runs now");
    else if (goes_to_a_slot(request.kind))
        add_activation_steps(input, plan, steps);
    if (request.kind == OperationKind::reboot)
        steps.add(Stage::postexecute, order::kReboot, StepKind::reboot, "reboot",
                  "restart the device");
    if (request.kind == OperationKind::repair)
        steps.add(Stage::install, order::kWriteSlot, StepKind::repair, "repair",
                  "make boot record, slots and marks agree");
    add_scripts(input, plan);
    std::ranges::stable_sort(plan.steps, {},
                             [](const Step& step) { return std::tuple(step.stage, step.order); });
    return plan;
}

std::string plan_identity(const PlanInput& input, const Plan& plan) {
    const auto* const running = find_generation(input.generations, input.marks.running);
    std::string text = fmt::format(
        "kind={}\nmode={}\ntrial={}\nforce={}\nfrom={}\nto={}\nslot={}\n",
        to_string(input.request.kind), to_string(input.request.mode), input.request.trial.count(),
        fmt::join(input.request.force, ","), running ? running->base.digest : "",
        plan.target.base.digest, to_string(plan.target.slot));
    for (const auto& step : plan.steps)
        text += fmt::format("{}/{}/{}/{}/{}/{}\n", to_string(step.stage), step.order,
                            to_string(step.kind), step.name, step.argument,
                            fmt::join(step.command, " "));
    return text;
}

std::vector<Version> upgrade_path(const Version& from, const std::vector<Manifest>& offered,
                                  const Version& to) {
    // Breadth first, so that the path found is a shortest one.
    std::map<std::string, Version> came_from;  // version's text -> the one before
    std::vector<Version> frontier{from};
    std::set<std::string> seen{from.text()};
    while (!frontier.empty() && !seen.contains(to.text())) {
        std::vector<Version> next;
        for (const auto& here : frontier)
            for (const auto& manifest : offered) {
                if (!manifest.compatible.from.accepts(here)) continue;
                if (!seen.insert(manifest.version.text()).second) continue;
                came_from.emplace(manifest.version.text(), here);
                next.push_back(manifest.version);
            }
        frontier = std::move(next);
    }
    std::vector<Version> path;
    if (!came_from.contains(to.text())) return path;
    for (auto at = to; at.text() != from.text(); at = came_from.at(at.text())) path.push_back(at);
    std::ranges::reverse(path);
    return path;
}

}  // namespace cutover
