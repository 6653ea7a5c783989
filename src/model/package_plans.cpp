#include "model/package_plans.h"

#include <algorithm>
#include <optional>
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
#include "model/package_changes.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/plan_steps.h"
#include "model/planner.h"
#include "model/service_change.h"
#include "model/side_by_side.h"
#include "model/version.h"

namespace cutover {
namespace {

using enum OperationKind;

const Generation* running_of(const PlanInput& input) {
    return find_generation(input.generations, input.marks.running);
}

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
    auto added = added_to(before, plan.target);
    if (added.empty())  // what was lost is written anew
        for (const auto& layer : layers_of(change)) added.push_back(layer.package);
    const bool goes = kind == uninstall || kind == deactivate || kind == discard;
    plan.subject = titles(added.empty() || goes ? change.gone : added);
    plan.title = fmt::format("{} {}", kind == discard ? "delete" : to_string(kind), plan.subject);
    if (input.pack) {
        plan.title = fmt::format("apply update pack {} {} (level {} -> {})",
                                 input.pack->manifest.name, input.pack->manifest.version.text(),
                                 before.update_level, plan.target.update_level);
        plan.subject =
            fmt::format("{} {}", input.pack->manifest.name, input.pack->manifest.version.text());
    } else if (kind == upgrade && added.size() == 1) {
        if (const auto* const old = rival_in(before.packages, added.front()))
            plan.title = fmt::format("upgrade {} {} -> {}", to_string(old->kind), name_of(*old),
                                     added.front().version.text());
    } else if (kind == reload) {
        const bool both = !added.empty() && !change.gone.empty();
        plan.title = fmt::format("reload:{}{}{}{}", added.empty() ? "" : " add ", titles(added),
                                 both                  ? ", remove "
                                 : change.gone.empty() ? ""
                                                       : " remove ",
                                 titles(change.gone));
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
            for (auto* const list : {&depot.obtained, &depot.selected})
                while (const auto* const held = find_package(*list, name))
                    list->erase(list->begin() + (held - list->data()));
    if (depot != input.depot) plan.depot = std::move(depot);
}

// What the services do at the switch, and which of them are away for a moment.

void tell_services(const PlanInput& input, const Manifest& base, const Generation& from,
                   Plan& plan) {
    const auto stack = [&](const Generation& generation) {
        PackageStack packages{{.digest = {}, .manifest = base}};
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
    std::vector<std::string> stopped;
    for (const auto& action : actions) {
        const auto& name = action.service.spec.name;
        if (action.kind == ServiceActionKind::restart) away.push_back(name);
        if (action.kind == ServiceActionKind::stop) stopped.push_back(name);
    }
    if (!away.empty()) plan.interrupts = fmt::format("{}, while restarting", fmt::join(away, ", "));
    if (!stopped.empty())
        plan.interrupts +=
            fmt::format("{}{}, for good", away.empty() ? "" : "; ", fmt::join(stopped, ", "));
}

}  // namespace

std::string titles(const std::vector<PackageRef>& packages) {
    const bool patches = std::ranges::all_of(
        packages, [](const PackageRef& one) { return one.kind == PackageKind::patch; });
    if (packages.size() > 3)
        return patches ? fmt::format("{} patches", packages.size())
                       : counted(packages.size(), "package");
    std::vector<std::string> names;
    names.reserve(packages.size());
    for (const auto& package : packages)
        names.push_back(fmt::format("{} {}", to_string(package.kind), name_of(package)));
    return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<PlannedLayer> layers_of(const PackageChange& change) {
    std::vector<PlannedLayer> layers;
    for (const auto& package : change.packages)
        for (const auto* const offered : change.new_)
            if (offered->digest == package.digest)
                layers.push_back({.package = package, .source = offered->source});
    return layers;
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

bool same_packages(const Generation& one, const Generation& other) {
    return one.packages == other.packages && one.update_level == other.update_level;
}

Result<Plan> plan_packages(const PlanInput& input) {
    const auto& running = *running_of(input);
    const auto* const startup = find_generation(input.generations, input.marks.startup);
    const bool later = input.request.mode == Mode::next_startup;
    const bool holds = input.request.kind == activate;
    // With packages held until the next boot, boots start from another set than the one that runs.
    const bool two = !later && generation_of_boots(input)->id != running.id;
    const auto& from = later && startup && startup->slot == running.slot ? *startup : running;

    Plan plan;
    const auto& base = input.base;
    if (!base)
        return fail(errors::plan_package_lost, "the running base {} cannot be read",
                    name_of(running.base));
    auto change = TRY(change_packages(input, from.packages, *base, false));
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
    plan.warnings = change.warnings;
    change_depot(input, change, plan);
    bool boots_change = false;
    if (holds) {
        plan.startup = startup ? *startup : running;
    } else if (two) {
        auto next = plan.target;
        next.packages = TRY(change_packages(input, startup->packages, *base, false)).packages;
        boots_change = !same_packages(next, *startup);
        if (!same_packages(next, plan.target)) plan.startup = std::move(next);
    }
    const bool changes = !same_packages(plan.target, from) || boots_change || plan.startup ||
                         plan.depot || !plan.layers.empty();
    if (!changes) return fail(errors::plan_present, "{} would change nothing", plan.title);
    add_evidence_steps(plan);
    add_package_steps(input, plan);
    tell_services(input, *base, running, plan);
    return plan;
}

Plan plan_package_rollback(const PlanInput& input, const Generation& target, bool takes_back) {
    Plan plan;
    plan.target = target;
    plan.title = fmt::format("rollback to generation {} ({})", plan.target.id,
                             plan.target.packages.empty() ? name_of(plan.target.base) + " alone"
                                                          : titles(plan.target.packages));
    plan.subject = fmt::format("generation {}", plan.target.id);
    add_evidence_steps(plan);
    if (takes_back)
        add_single_step(plan, StepKind::disarm_trial);
    else
        add_package_steps(input, plan);
    if (const auto& base = input.base) tell_services(input, *base, *running_of(input), plan);
    return plan;
}

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

std::vector<PackageRef> obtain_offered(const PlanInput& input, Plan& plan) {
    auto depot = input.depot;
    std::vector<PackageRef> fetched;
    for (const auto& package : input.offered) {
        const auto reference = reference_to(package.manifest, package.digest);
        fetched.push_back(reference);
        if (std::ranges::find(input.at_hand, package.digest, &OfferedPackage::digest) ==
            input.at_hand.end())
            plan.layers.push_back({.package = reference, .source = package.source});
        if (std::ranges::find(depot.obtained, package.digest, &PackageRef::digest) ==
            depot.obtained.end())
            depot.obtained.push_back(reference);
    }
    if (!fetched.empty()) plan.depot = std::move(depot);
    return fetched;
}

// What an older generation has kept on the device counts as obtained again.
void obtain_again(const PlanInput& input, const std::vector<PackageRef>& packages, Plan& plan) {
    const auto* const running = running_of(input);
    for (const auto& package : packages) {
        auto depot = plan.depot.value_or(input.depot);
        const auto is_it = [&](const PackageRef& other) { return other.digest == package.digest; };
        const bool here = std::ranges::any_of(input.at_hand, [&](const OfferedPackage& other) {
            return other.digest == package.digest;
        });
        if (!here || (running && std::ranges::any_of(running->packages, is_it)) ||
            std::ranges::any_of(depot.obtained, is_it))
            continue;
        depot.obtained.push_back(package);
        plan.depot = std::move(depot);
    }
}

Result<Plan> plan_fetch(const PlanInput& input) {
    Plan plan;
    for (const auto& package : input.offered)
        if (package.manifest.kind == PackageKind::base)
            return fail(errors::plan_one_base, "a base is installed to its slot, not fetched");
    const auto fetched = obtain_offered(input, plan);
    if (fetched.empty()) return fail(errors::plan_no_packages, "no package was named");
    plan.title = fmt::format("fetch {}", titles(fetched));
    add_record_steps(input, plan);
    return plan;
}

std::string title_of_marks(const std::vector<PackageRef>& come, const std::vector<PackageRef>& go,
                           const std::vector<PackageRef>& free) {
    std::vector<std::string> parts;
    if (!come.empty()) parts.push_back(fmt::format("mark {} to come", titles(come)));
    if (!go.empty()) parts.push_back(fmt::format("mark {} to go", titles(go)));
    if (!parts.empty()) parts.back() += " with the next reload";
    if (!free.empty()) parts.push_back(fmt::format("take the mark off {}", titles(free)));
    return fmt::format("{}", fmt::join(parts, ", "));
}

Result<Plan> plan_selection(const PlanInput& input) {
    Plan plan;
    std::vector<PackageRef> come;
    std::vector<PackageRef> go;
    std::vector<PackageRef> free;  // of a mark
    auto depot = input.depot;
    const auto* const running = running_of(input);
    for (const auto& name : input.request.packages) {
        const auto* const present = find_package(running->packages, name);
        if (input.request.kind == select && present && is_among(depot.deselected, *present)) {
            std::erase_if(depot.deselected,
                          [&](const std::string& marked) { return is_named(*present, marked); });
            free.push_back(*present);  // it stays after all
            continue;
        }
        if (input.request.kind == select) {
            const auto& known = *TRY(package_at_hand(input, name));
            auto package = reference_to(known.manifest, known.digest);
            std::erase_if(depot.selected,
                          [&](const PackageRef& other) { return rivals(other, package); });
            std::erase(depot.deselected, line_of(package));
            come.push_back(package);
            depot.selected.push_back(std::move(package));
            continue;
        }
        if (const auto* const marked = find_package(depot.selected, name)) {
            free.push_back(*marked);
            depot.selected.erase(depot.selected.begin() + (marked - depot.selected.data()));
        }
        if (!present) continue;
        go.push_back(*present);
        if (!is_among(depot.deselected, *present)) depot.deselected.push_back(line_of(*present));
    }
    if (input.request.packages.empty()) return fail(errors::plan_no_packages, "none was named");
    plan.title = title_of_marks(come, go, free);
    plan.depot = std::move(depot);
    add_record_steps(input, plan);
    return plan;
}

Result<Plan> plan_discard(const PlanInput& input) {
    const auto& running = *running_of(input);
    const auto* const startup = find_generation(input.generations, input.marks.startup);
    bool in_use = false;
    for (const auto& name : input.request.packages) {
        const auto* here = find_package(running.packages, name);
        if (!here && startup) here = find_package(startup->packages, name);
        if (!here) continue;
        // Of a patch its own command takes the states back, one after the other.
        if (here->kind != PackageKind::patch)
            return fail(errors::plan_in_use, "{} is on top of the base", name_of(*here));
        in_use = true;
    }
    if (in_use) return plan_packages(input);
    Plan plan;
    change_depot(input, {}, plan);
    if (!plan.depot) return fail(errors::plan_no_packages, "no package was named");
    std::vector<PackageRef> given_up;
    for (const auto& package : input.depot.obtained)
        if (std::ranges::find(plan.depot->obtained, package.digest, &PackageRef::digest) ==
            plan.depot->obtained.end())
            given_up.push_back(package);
    plan.title =
        fmt::format("{} {}", input.request.only_kind == PackageKind::patch ? "delete" : "drop",
                    titles(given_up));
    add_record_steps(input, plan);
    return plan;
}

}  // namespace cutover
