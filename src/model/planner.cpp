#include "model/planner.h"

#include <algorithm>
#include <array>
#include <expected>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "model/backups.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/operation_matrix.h"
#include "model/package_changes.h"
#include "model/package_kind.h"
#include "model/package_plans.h"
#include "model/plan.h"
#include "model/plan_steps.h"
#include "model/side_by_side.h"
#include "model/single_instance.h"
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

// ---- what lies on a new base --------------------------------------------------------------------

// As they are, whether or not they fit, with what is offered.
void carry_as_they_are(const PlanInput& input, const Generation& kept, Plan& plan) {
    auto& packages = plan.target.packages;
    packages = kept.packages;
    for (const auto& offered : input.offered) {
        const auto& manifest = offered.manifest;
        if (manifest.kind == PackageKind::base) continue;
        const auto reference = reference_to(manifest, offered.digest);
        std::erase_if(packages, [&](const PackageRef& old) { return rivals(old, reference); });
        packages.push_back(reference);
        plan.layers.push_back({.package = reference, .source = offered.source});
    }
    if (!packages.empty())
        plan.notes.push_back(fmt::format("{} carried over by --force, whether or not they fit {}",
                                         packages.size() == 1
                                             ? "one package is"
                                             : fmt::format("{} packages are", packages.size()),
                                         name_of(plan.target.base)));
}

// A base brings a boot with it: what is active until then is not carried over.
Result<> carry_packages(const PlanInput& input, const Manifest& base, Plan& plan) {
    const auto& kept = *generation_of_boots(input);
    if (forced(input.request, "packages")) {
        carry_as_they_are(input, kept, plan);
    } else {
        auto change = TRY(change_packages(input, kept.packages, base, true));
        plan.layers = layers_of(change);
        plan.target.packages = std::move(change.packages);
        plan.notes = std::move(change.notes);
        plan.warnings = std::move(change.warnings);
    }
    for (const auto& package : running_of(input)->packages)
        if (package.kind == PackageKind::patch &&
            std::ranges::find(kept.packages, package.digest, &PackageRef::digest) ==
                kept.packages.end())
            plan.notes.push_back(fmt::format(
                "patch {} is active until the next boot, and not carried over; `cutover "
                "patch run {}` keeps it",
                name_of(package), package.name));
    return {};
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
    return carry_packages(input, manifest, plan);
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
            return std::unexpected(
                make_error(
                    errors::plan_package_lost,
                    fmt::format("{} of generation {} is not on the device", name_of(package), id))
                    .with_remedy("Obtain exactly this version again with `cutover packages fetch "
                                 "FILE`, or choose a generation without it."));
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

// A base that has not run yet takes what is on top now, not what was when it was installed.
Result<> renew_packages(const PlanInput& input, Plan& plan) {
    if (plan.target.committed_once || !running_of(input) || !input.standby) return {};
    const auto before = plan.target.packages;
    TRY(carry_packages(input, *input.standby, plan));
    if (before == plan.target.packages) return {};
    plan.target.id = 0;
    plan.target.created = input.now;
    return {};
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
    if (request.kind == activate) TRY(renew_packages(input, plan));
    plan.title = title_of_base(input, plan.target);
    plan.subject = name_of(plan.target.base);
    add_evidence_steps(plan);
    if (request.kind != install && !takes_startup_back(input)) add_backup_step(input, plan);
    if (installs(request.kind)) add_install_steps(input, plan);
    if (takes_startup_back(input))
        add_single_step(plan, StepKind::disarm_trial);
    else if (request.kind != install)
        add_activation_steps(input, plan);
    return plan;
}

Result<Plan> plan_rollback(const PlanInput& input) {
    const auto target = TRY(target_of_rollback(input));
    if (target.slot != input.active) return plan_base(input);
    return plan_package_rollback(input, target, takes_startup_back(input));
}

Result<Plan> plan_single(StepKind kind) {
    Plan plan;
    plan.title = to_string(kind);
    add_evidence_steps(plan);
    add_single_step(plan, kind);
    return plan;
}

// Begins with the running base, which the boot loader starts in any case: nothing is tried.
Result<Plan> plan_reset(const PlanInput& input) {
    const auto* const running = running_of(input);
    const auto* const committed = find_generation(input.generations, input.marks.committed);
    if (!running || !committed || committed->slot != input.active)
        return fail(errors::plan_reset_on_trial, "slot {} runs, and is not the committed one",
                    to_string(input.active));
    const auto named = name_of(running->base);
    if (input.request.factory_base && input.factory_base != running->base.digest)
        return fail(errors::plan_no_factory_base,
                    "{} runs, and is not what the device was made with", named);
    Plan plan;
    plan.title = fmt::format("factory reset to base {}", named);
    plan.subject = named;
    plan.target.slot = input.active;
    add_reset_steps(plan);
    return plan;
}

// The base stays as it is: only what belongs to it comes back.
Result<Plan> plan_restore(const PlanInput& input) {
    const auto& backup = input.backup;
    if (!backup) return fail(errors::plan_no_backup, "no backup was named");
    const auto* const running = running_of(input);
    if (!running || input.marks.running != input.marks.committed)
        return fail(errors::plan_restore_on_trial, "what runs is not the committed generation");
    const auto is_its_base = [&](const PackageRef& base) {
        return base.name == backup->base.name && base.version == backup->base.version;
    };
    if (!is_its_base(running->base)) {
        const bool held = std::ranges::any_of(input.slots, [&](const SlotStatus& slot) {
            return slot.holds && is_its_base(*slot.holds);
        });
        if (held)
            return fail(errors::plan_backup_standby, "the backup is of {}, and {} runs",
                        name_of(backup->base), name_of(running->base));
        return fail(errors::plan_backup_base, "the backup is of {}, which no slot holds",
                    name_of(backup->base));
    }
    Plan plan;
    plan.title = fmt::format("restore backup {}", backup->name);
    plan.subject = backup->name;
    plan.manifest_digest = input.backup_digest;
    add_backup_step(input, plan);
    obtain_offered(input, plan);
    obtain_again(input, backup->packages, plan);
    add_restore_steps(input, plan);
    plan.notes.push_back(fmt::format(
        "configuration, settings, users and trust become those of {}; slots, marks, history and "
        "packages stay as they are",
        to_iso8601(backup->made)));
    for (const auto& package : backup->packages) {
        if (std::ranges::find(running->packages, package.digest, &PackageRef::digest) !=
            running->packages.end())
            continue;
        const bool here = std::ranges::find(input.at_hand, package.digest,
                                            &OfferedPackage::digest) != input.at_hand.end();
        plan.notes.push_back(
            here || holds(*backup, package)
                ? fmt::format("{} ran then and does not run now: `cutover install {}` afterwards",
                              name_of(package), package.name)
                : fmt::format("{} ran then and does not run now, and the backup does not hold it: "
                              "install it again",
                              name_of(package)));
    }
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

// Before there is a plan: what was asked for as a base must not take effect as something else.
Result<> check_only_base(const PlanInput& input) {
    const auto& wanted = input.request.only_base;
    if (!wanted) return {};
    const auto* const base = offered_base(input);
    if (!base || input.pack || input.offered.size() != 1)
        return fail(errors::plan_other_image, "the file holds no base");
    const auto& manifest = base->manifest;
    const bool fits = (wanted->name.empty() || wanted->name == manifest.name) &&
                      (wanted->version.empty() || wanted->version == manifest.version.text());
    if (!fits)
        return fail(errors::plan_other_image, "the file holds {} {}, not {}", manifest.name,
                    manifest.version.text(),
                    fmt::join(std::array{wanted->name, wanted->version}, " "));
    const auto* const running = running_of(input);
    if (wanted->not_running && running && running->base.name == manifest.name &&
        running->base.version == manifest.version)
        return fail(errors::plan_running_base, "{} runs", name_of(running->base));
    return {};
}

Result<Plan> plan_of_kind(const PlanInput& input) {
    const auto& request = input.request;
    switch (request.kind) {
        case install:
        case upgrade: return plan_install(input);
        case activate: return request.packages.empty() ? plan_base(input) : plan_packages(input);
        case revert: return plan_base(input);
        case rollback: return plan_rollback(input);
        case commit:
            if (!request.packages.empty()) return plan_keep(input);
            return fail(errors::plan_nothing_on_trial, "there is nothing to commit");
        case reboot: return plan_single(StepKind::reboot);
        case repair: return plan_single(StepKind::repair);
        case reset: return plan_reset(input);
        case restore: return plan_restore(input);
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
    TRY(check_only_base(input));
    auto plan = TRY(plan_of_kind(input));
    TRY(check_hooks(input, plan));
    add_config_step(input, plan);
    add_single_instance_steps(input, plan);
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
    if (input.backup) text += "backup " + plan.manifest_digest + "\n";
    if (input.request.keep_access) text += "keep access\n";
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
