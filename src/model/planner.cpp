#include "model/planner.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/counted.h"
#include "base/error.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/operation_matrix.h"
#include "model/package_changes.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/plan_steps.h"
#include "model/service_change.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover {
namespace {

using enum OperationKind;

bool installs(OperationKind kind) { return kind == install || kind == upgrade; }

const SlotStatus& slot_status(const PlanInput& input, Slot slot) {
    return *std::ranges::find(input.slots, slot, &SlotStatus::slot);
}

bool forced(const Request& request, std::string_view check) {
    return std::ranges::find(request.force, check) != request.force.end();
}

const Generation* running_of(const PlanInput& input) {
    return find_generation(input.generations, input.marks.running);
}

std::vector<PlannedLayer> layers_of(const PackageChange& change) {
    std::vector<PlannedLayer> layers;
    for (const auto& package : change.packages)
        for (const auto* const offered : change.new_)
            if (offered->digest == package.digest)
                layers.push_back({.package = package, .source = offered->source});
    return layers;
}

std::string titles(const std::vector<PackageRef>& packages) {
    if (packages.size() > 3) return counted(packages.size(), "package");
    std::vector<std::string> names;
    for (const auto& package : packages)
        names.push_back(fmt::format("{} {}", to_string(package.kind), name_of(package)));
    return fmt::format("{}", fmt::join(names, ", "));
}

void bring_level(const PlanInput& input, Generation& target) {
    if (!input.pack) return;
    const auto& pack = input.pack->manifest;
    target.update_level = static_cast<int>(pack.level);
    target.pack = PackageRef{.kind = pack.kind,
                             .name = pack.name,
                             .version = pack.version,
                             .digest = input.pack->digest};
}

// ---- bases --------------------------------------------------------------------------------------

Result<> target_base(const PlanInput& input, Plan& plan) {
    const auto& package = *offered_base(input);
    const auto& manifest = package.manifest;
    plan.target.base = {.kind = manifest.kind,
                        .name = manifest.name,
                        .version = manifest.version,
                        .digest = package.digest};
    plan.target.slot = other(input.active);
    plan.target.created = input.now;
    plan.source = package.source;
    plan.manifest_digest = package.digest;
    plan.persist = manifest.persist;
    // An update level belongs to the base that its packs were made for.
    bring_level(input, plan.target);
    const auto* const running = running_of(input);
    if (!running) return {};
    plan.target.configuration_revision = running->configuration_revision;
    if (forced(input.request, "packages")) {
        plan.target.packages = running->packages;
        return {};
    }
    auto change = TRY(change_packages(input, running->packages, manifest, true));
    plan.layers = layers_of(change);
    plan.target.packages = std::move(change.packages);
    plan.notes = std::move(change.notes);
    return {};
}

Result<Generation> target_on_standby(const PlanInput& input) {
    const auto standby = other(input.active);
    const auto& slot = slot_status(input, standby);
    const auto* const generation = generation_in(input.generations, standby);
    const bool holds = slot.state == SlotState::installed || slot.state == SlotState::bad;
    if (!holds || !generation)
        return fail(errors::plan_no_standby, "standby slot {} is {}", to_string(standby),
                    to_string(slot.state));
    const auto named = name_of(generation->base);
    if (input.request.kind == activate && generation->bad && !forced(input.request, "slot"))
        return fail(errors::plan_standby_bad, "{} in slot {} failed its last trial", named,
                    to_string(standby));
    if (input.request.kind == revert && !generation->committed_once)
        return fail(errors::plan_never_committed, "{} in slot {} was never committed", named,
                    to_string(standby));
    return *generation;
}

// A startup that was set and has not happened yet: the first thing to take back.
bool takes_startup_back(const PlanInput& input) {
    const auto& request = input.request;
    return request.kind == rollback && input.marks.startup != input.marks.running &&
           input.marks.startup != input.marks.committed &&
           (request.generation == 0 || request.generation == input.marks.running);
}

bool same_packages(const Generation& one, const Generation& other) {
    return one.packages == other.packages && one.update_level == other.update_level;
}

Result<Generation> target_of_rollback(const PlanInput& input) {
    auto id = takes_startup_back(input) ? input.marks.running : input.request.generation;
    // The newest other one that was committed. Going to and fro leaves several that hold the same.
    if (id == 0) {
        const auto* const running = running_of(input);
        const auto is_running = [&](const Generation& generation) {
            return generation.id == input.marks.running ||
                   (running && generation.slot == running->slot &&
                    generation.base.digest == running->base.digest &&
                    same_packages(generation, *running));
        };
        const auto candidate = std::ranges::find_if(
            input.generations.rbegin(), input.generations.rend(),
            [&](const Generation& generation) {
                return generation.committed_once && generation.kept && !is_running(generation);
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
    if (!generation->kept)
        return fail(errors::plan_generation_not_kept, "generation {} ({}) is in no slot", id,
                    name_of(generation->base));
    for (const auto& package : generation->packages)
        if (std::ranges::find(input.at_hand, package.digest, &OfferedPackage::digest) ==
            input.at_hand.end())
            return fail(errors::plan_package_lost, "{} of generation {} is not on the device",
                        name_of(package), id);
    return *generation;
}

std::string title_of_base(const PlanInput& input, const Generation& target) {
    const auto& request = input.request;
    const auto* const running = running_of(input);
    const auto to = name_of(target.base);
    if (!running) return fmt::format("{} base {}", to_string(request.kind), to);
    if (request.kind == upgrade)
        return running->base.name == target.base.name
                   ? fmt::format("upgrade base {} -> {}", name_of(running->base),
                                 target.base.version.text())
                   : fmt::format("replace base {} by {}", name_of(running->base), to);
    const bool direct = request.kind == install || request.kind == activate;
    return fmt::format("{} {}base {}", to_string(request.kind), direct ? "" : "to ", to);
}

Result<Plan> plan_base(const PlanInput& input) {
    const auto& request = input.request;
    if (request.mode == Mode::in_service)
        TRY(check_matrix(PackageKind::base, installs(request.kind) ? request.kind : rollback,
                         request.mode));
    Plan plan;
    if (installs(request.kind))
        TRY(target_base(input, plan));
    else if (request.kind == rollback)
        plan.target = TRY(target_of_rollback(input));
    else
        plan.target = TRY(target_on_standby(input));
    plan.title = title_of_base(input, plan.target);
    plan.subject = name_of(plan.target.base);
    add_evidence_steps(plan);
    if (installs(request.kind)) add_install_steps(input, plan);
    if (takes_startup_back(input))
        add_single_step(plan, StepKind::disarm_trial);
    else if (request.kind != install)
        add_activation_steps(input, plan);
    return plan;
}

// ---- packages on top of the running base --------------------------------------------------------

// Of generations that lie on the same base.
std::vector<PackageRef> added_to(const Generation& before, const Generation& after) {
    std::vector<PackageRef> added;
    for (const auto& package : after.packages)
        if (std::ranges::find(before.packages, package.digest, &PackageRef::digest) ==
            before.packages.end())
            added.push_back(package);
    return added;
}

void name_package_plan(const PlanInput& input, const PackageChange& change,
                       const Generation& before, Plan& plan) {
    const auto kind = input.request.kind;
    const auto added = added_to(before, plan.target);
    plan.subject = titles(added.empty() ? change.gone : added);
    plan.title = fmt::format("{} {}", to_string(kind), plan.subject);
    if (input.pack) {
        plan.title = fmt::format("apply update pack {} {} (level {} -> {})",
                                 input.pack->manifest.name, input.pack->manifest.version.text(),
                                 before.update_level, plan.target.update_level);
        plan.subject =
            fmt::format("{} {}", input.pack->manifest.name, input.pack->manifest.version.text());
    } else if (kind == upgrade && added.size() == 1) {
        const auto old = std::ranges::find(before.packages, added.front().name, &PackageRef::name);
        if (old != before.packages.end())
            plan.title = fmt::format("upgrade {} {} -> {}", to_string(old->kind), name_of(*old),
                                     added.front().version.text());
    } else if (kind == reload && !added.empty() && !change.gone.empty()) {
        plan.title = fmt::format("reload: add {}, remove {}", titles(added), titles(change.gone));
    }
}

// What the depot is once the change has been made.
void change_depot(const PlanInput& input, const PackageChange& change, Plan& plan) {
    auto depot = input.depot;
    const auto kind = input.request.kind;
    if (kind == reload) {
        depot.selected.clear();
        depot.deselected.clear();
    }
    for (const auto& package : change.gone) {
        const auto held = std::ranges::find(depot.obtained, package.digest, &PackageRef::digest);
        if (kind == deactivate && held == depot.obtained.end()) depot.obtained.push_back(package);
        if (kind == uninstall && held != depot.obtained.end()) depot.obtained.erase(held);
    }
    if (kind == discard)
        for (const auto& name : input.request.packages)
            while (const auto* const held = find_package(depot.obtained, name))
                depot.obtained.erase(depot.obtained.begin() + (held - depot.obtained.data()));
    if (depot != input.depot) plan.depot = std::move(depot);
}

// What the services do at the switch, and which of them are away for a moment.
void tell_services(const PlanInput& input, const Generation& from, Plan& plan) {
    const auto stack = [&](const Generation& generation) {
        PackageStack packages{{.digest = {}, .manifest = *input.base}};
        for (const auto& package : generation.packages)
            for (const auto* const known : {&input.at_hand, &input.offered}) {
                const auto found =
                    std::ranges::find(*known, package.digest, &OfferedPackage::digest);
                if (found == known->end()) continue;
                packages.push_back({.digest = package.digest, .manifest = found->manifest});
                break;
            }
        return packages;
    };
    const auto actions = service_actions(stack(from), stack(plan.target));
    const auto step = std::ranges::find(plan.steps, StepKind::switch_view, &Step::kind);
    if (step == plan.steps.end()) return;
    step->description = fmt::format("it runs from now on: {}", in_words(actions));
    std::vector<std::string> away;
    for (const auto& action : actions)
        if (action.kind == ServiceActionKind::restart) away.push_back(action.service.spec.name);
    if (!away.empty()) plan.interrupts = fmt::format("{}, while restarting", fmt::join(away, ", "));
}

Result<Plan> plan_packages(const PlanInput& input) {
    const auto& running = *running_of(input);
    const auto* const startup = find_generation(input.generations, input.marks.startup);
    const bool later = input.request.mode == Mode::next_startup;
    const bool holds = input.request.kind == activate;
    // With packages held until the next boot, boots start from another set than the one that runs.
    const bool two = !later && startup && startup->id != running.id &&
                     startup->slot == running.slot && startup->id == input.marks.committed;
    const auto& from = later && startup && startup->slot == running.slot ? *startup : running;

    Plan plan;
    auto change = TRY(change_packages(input, from.packages, *input.base, false));
    plan.target = from;
    plan.target.id = 0;
    plan.target.created = input.now;
    plan.target.committed_once = false;
    plan.target.bad = false;
    plan.target.packages = change.packages;
    bring_level(input, plan.target);
    name_package_plan(input, change, from, plan);
    plan.layers = layers_of(change);
    plan.notes = change.notes;
    change_depot(input, change, plan);
    if (holds) {
        plan.startup = startup ? *startup : running;
    } else if (two) {
        auto next = plan.target;
        next.packages = TRY(change_packages(input, startup->packages, *input.base, false)).packages;
        if (!same_packages(next, plan.target)) plan.startup = std::move(next);
    }
    if (same_packages(plan.target, from) && !plan.startup && !plan.depot)
        return fail(errors::plan_present, "{} would change nothing", plan.title);
    add_evidence_steps(plan);
    add_package_steps(input, plan);
    tell_services(input, running, plan);
    return plan;
}

Result<Plan> plan_package_rollback(const PlanInput& input) {
    Plan plan;
    plan.target = TRY(target_of_rollback(input));
    plan.title = fmt::format("rollback to generation {} ({})", plan.target.id,
                             plan.target.packages.empty() ? name_of(plan.target.base) + " alone"
                                                          : titles(plan.target.packages));
    plan.subject = fmt::format("generation {}", plan.target.id);
    add_evidence_steps(plan);
    if (takes_startup_back(input))
        add_single_step(plan, StepKind::disarm_trial);
    else
        add_package_steps(input, plan);
    if (input.base) tell_services(input, *running_of(input), plan);
    return plan;
}

// ---- what changes nothing that runs -------------------------------------------------------------

// Keeps over boots what was activated until the next one.
Result<Plan> plan_keep(const PlanInput& input) {
    const auto& running = *running_of(input);
    const auto* const startup = find_generation(input.generations, input.marks.startup);
    if (!startup || startup->id == running.id || startup->slot != running.slot)
        return fail(errors::plan_not_active, "nothing is active that boots do not start");
    auto next = *startup;
    std::vector<PackageRef> kept;
    for (const auto& name : input.request.packages) {
        const auto* const active = find_package(running.packages, name);
        if (!active || find_package(startup->packages, name))
            return fail(errors::plan_not_active, "{} is {}", name,
                        active ? "kept already" : "not active");
        kept.push_back(*active);
    }
    // In the order in which they lie on what runs, without what one of them replaces.
    next.packages.clear();
    for (const auto& package : running.packages) {
        const auto same = [&](const PackageRef& other) { return other.digest == package.digest; };
        if (std::ranges::any_of(startup->packages, same) || std::ranges::any_of(kept, same))
            next.packages.push_back(package);
    }
    next.created = input.now;
    next.committed_once = false;
    Plan plan;
    plan.title = fmt::format("keep {} over boots", titles(kept));
    plan.target = running;
    if (!same_packages(next, running)) {
        next.id = 0;
        plan.startup = std::move(next);
    }
    add_record_steps(input, plan);
    return plan;
}

Result<Plan> plan_fetch(const PlanInput& input) {
    Plan plan;
    auto depot = input.depot;
    std::vector<PackageRef> fetched;
    for (const auto& package : input.offered) {
        if (package.manifest.kind == PackageKind::base)
            return fail(errors::plan_one_base, "a base is installed to its slot, not fetched");
        const PackageRef reference{.kind = package.manifest.kind,
                                   .name = package.manifest.name,
                                   .version = package.manifest.version,
                                   .digest = package.digest};
        fetched.push_back(reference);
        if (std::ranges::find(input.at_hand, package.digest, &OfferedPackage::digest) ==
            input.at_hand.end())
            plan.layers.push_back({.package = reference, .source = package.source});
        if (std::ranges::find(depot.obtained, package.digest, &PackageRef::digest) ==
            depot.obtained.end())
            depot.obtained.push_back(reference);
    }
    if (fetched.empty()) return fail(errors::plan_no_packages, "no package was named");
    plan.title = fmt::format("fetch {}", titles(fetched));
    plan.depot = std::move(depot);
    add_record_steps(input, plan);
    return plan;
}

Result<Plan> plan_selection(const PlanInput& input) {
    Plan plan;
    auto depot = input.depot;
    const auto* const running = running_of(input);
    for (const auto& name : input.request.packages) {
        if (input.request.kind == select) {
            const auto& package = *TRY(package_at_hand(input, name));
            std::erase_if(depot.selected, [&](const PackageRef& other) {
                return other.name == package.manifest.name;
            });
            std::erase(depot.deselected, package.manifest.name);
            depot.selected.push_back({.kind = package.manifest.kind,
                                      .name = package.manifest.name,
                                      .version = package.manifest.version,
                                      .digest = package.digest});
            continue;
        }
        if (const auto* const marked = find_package(depot.selected, name))
            depot.selected.erase(depot.selected.begin() + (marked - depot.selected.data()));
        const auto* const present = find_package(running->packages, name);
        if (present && std::ranges::find(depot.deselected, present->name) == depot.deselected.end())
            depot.deselected.push_back(present->name);
    }
    if (input.request.packages.empty()) return fail(errors::plan_no_packages, "none was named");
    plan.title =
        fmt::format("mark {} to {} with the next reload", fmt::join(input.request.packages, ", "),
                    input.request.kind == select ? "come" : "go");
    plan.depot = std::move(depot);
    add_record_steps(input, plan);
    return plan;
}

// Gives up what is obtained; what of it runs goes first.
Result<Plan> plan_discard(const PlanInput& input) {
    const auto& running = *running_of(input);
    const auto* const startup = find_generation(input.generations, input.marks.startup);
    for (const auto& name : input.request.packages)
        if (find_package(running.packages, name) ||
            (startup && find_package(startup->packages, name)))
            return plan_packages(input);
    Plan plan;
    change_depot(input, {}, plan);
    if (!plan.depot) return fail(errors::plan_no_packages, "no package was named");
    plan.title = fmt::format("discard {}", fmt::join(input.request.packages, ", "));
    add_record_steps(input, plan);
    return plan;
}

Result<Plan> plan_single(StepKind kind) {
    Plan plan;
    plan.title = to_string(kind);
    add_evidence_steps(plan);
    add_single_step(plan, kind);
    return plan;
}

Result<Plan> plan_install(const PlanInput& input) {
    const auto bases = std::ranges::count_if(input.offered, [](const OfferedPackage& package) {
        return package.manifest.kind == PackageKind::base;
    });
    if (bases > 1) return fail(errors::plan_one_base, "{} base packages were given", bases);
    if (bases == 1) return plan_base(input);
    if (input.offered.empty() && input.request.packages.empty())
        return fail(errors::plan_no_packages, "no package was named");
    return plan_packages(input);
}

Result<Plan> plan_of_kind(const PlanInput& input) {
    const auto& request = input.request;
    switch (request.kind) {
        case install:
        case upgrade: return plan_install(input);
        case activate: return request.packages.empty() ? plan_base(input) : plan_packages(input);
        case revert: return plan_base(input);
        case rollback:
            return TRY(target_of_rollback(input)).slot == input.active
                       ? plan_package_rollback(input)
                       : plan_base(input);
        case commit:
            if (!request.packages.empty()) return plan_keep(input);
            return fail(errors::plan_nothing_on_trial, "there is nothing to commit");
        case reboot: return plan_single(StepKind::reboot);
        case repair: return plan_single(StepKind::repair);
        case uninstall:
        case deactivate:
            if (request.packages.empty()) return fail(errors::plan_no_packages, "none was named");
            return plan_packages(input);
        case reload:
            if (input.depot.selected.empty() && input.depot.deselected.empty())
                return fail(errors::plan_nothing_selected, "nothing is marked for a reload");
            return plan_packages(input);
        case fetch: return plan_fetch(input);
        case discard: return plan_discard(input);
        case select:
        case deselect: return plan_selection(input);
    }
    std::unreachable();
}

}  // namespace

const OfferedPackage* offered_base(const PlanInput& input) {
    const auto found = std::ranges::find_if(input.offered, [](const OfferedPackage& package) {
        return package.manifest.kind == PackageKind::base;
    });
    return found == input.offered.end() ? nullptr : &*found;
}

const Generation* find_generation(const std::vector<Generation>& generations, GenerationId id) {
    const auto found = std::ranges::find(generations, id, &Generation::id);
    return found == generations.end() ? nullptr : &*found;
}

const Generation* generation_in(const std::vector<Generation>& generations, Slot slot) {
    const Generation* found = nullptr;
    for (const auto& generation : generations) {
        if (!generation.kept || generation.slot != slot) continue;
        if (!found || generation.committed_once || !found->committed_once) found = &generation;
    }
    return found;
}

Result<Plan> make_plan(const PlanInput& input) {
    TRY(check_request_kinds(input));
    auto plan = TRY(plan_of_kind(input));
    add_scripts(input, plan);
    sort_steps(plan);
    return plan;
}

Plan plan_of_startup(const PlanInput& input, const Generation& target) {
    Plan plan;
    plan.target = target;
    plan.title = target.packages.empty()
                     ? fmt::format("start up with base {}", name_of(target.base))
                     : fmt::format("start up with base {} and {}", name_of(target.base),
                                   counted(target.packages.size(), "package"));
    plan.subject = target.packages.empty()
                       ? name_of(target.base)
                       : fmt::format("{} with {}", name_of(target.base), titles(target.packages));
    add_startup_steps(input, plan);
    sort_steps(plan);
    return plan;
}

std::string plan_identity(const PlanInput& input, const Plan& plan) {
    const auto* const running = running_of(input);
    std::string text = fmt::format(
        "kind={}\nmode={}\ntrial={}\nforce={}\nfrom={}\nto={}\nslot={}\n",
        to_string(input.request.kind), to_string(input.request.mode), input.request.trial.count(),
        fmt::join(input.request.force, ","), running ? running->base.digest : "",
        plan.target.base.digest, to_string(plan.target.slot));
    if (running)
        for (const auto& package : running->packages) text += "on " + package.digest + "\n";
    for (const auto& package : plan.target.packages) text += "to " + package.digest + "\n";
    if (plan.startup)
        for (const auto& package : plan.startup->packages) text += "next " + package.digest + "\n";
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
