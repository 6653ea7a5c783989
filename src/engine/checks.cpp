#include "engine/checks.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "engine/backup_checks.h"
#include "engine/config_texts.h"
#include "engine/config_work.h"
#include "engine/errors.h"
#include "engine/health.h"
#include "engine/host_checks.h"
#include "engine/instance_checks.h"
#include "engine/package_checks.h"
#include "engine/ports.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/side_by_side.h"
#include "model/version.h"
#include "platform/slot_store.h"

namespace cutover {
namespace {

// What the agent's own files (journal, evidence, logs) may come to need.
constexpr std::uint64_t kOwnBytes = std::uint64_t{8} * 1024 * 1024;

CheckResult passed(std::string detail) { return {.detail = std::move(detail)}; }

CheckResult warned(std::string detail) {
    return {.verdict = CheckVerdict::warning, .detail = std::move(detail)};
}

CheckResult refused(const ErrorInfo& info, std::string detail) {
    return {.verdict = CheckVerdict::refused,
            .detail = detail,
            .error = make_error(info, std::move(detail))};
}

CheckResult refused_by(const Error& error) {
    return {.verdict = CheckVerdict::refused, .detail = error.text(), .error = error};
}

std::string name_of(const Manifest& manifest) {
    return fmt::format("{} {}", manifest.name, manifest.version.text());
}

// Empty when `need` fits into `space`.
std::string missing(const SlotSpace& space, std::uint64_t need) {
    if (space.available_bytes >= need) return {};
    return fmt::format("needs {} on {}, has {}: {} are missing", human_size(need),
                       space.file_system.string(), human_size(space.available_bytes),
                       human_size(need - space.available_bytes));
}

// Of the package itself, which is kept for backups.
std::uint64_t copied_bytes(const CheckContext& context, const Manifest& manifest) {
    if (!context.ports.config.backup.packages) return 0;
    std::uint64_t bytes = 0;
    for (const auto& member : manifest.members) bytes += member.size_bytes;
    return bytes;
}

CheckResult check_space(const CheckContext& context) {
    std::vector<std::string> details;
    std::uint64_t layers = 0;
    for (const auto* const manifest : written_packages(context)) {
        if (manifest->kind != PackageKind::base) {
            layers += manifest->payload.installed_bytes + copied_bytes(context, *manifest);
            continue;
        }
        const auto space = context.ports.slots.space(context.plan.target.slot);
        if (!space) return refused_by(space.error());
        const auto need = manifest->payload.installed_bytes + (space->shared ? kOwnBytes : 0);
        if (const auto text = missing(*space, need); !text.empty())
            return refused(errors::check_space, text);
        details.push_back(
            fmt::format("needs {}, has {}", human_size(need), human_size(space->available_bytes)));
    }
    if (layers > 0) {
        const auto space = context.ports.layers.space();
        if (!space) return refused_by(space.error());
        const auto need = layers + (space->shared ? kOwnBytes : 0);
        if (const auto text = missing(*space, need); !text.empty())
            return refused(errors::check_space, text);
        details.push_back(fmt::format("needs {} for packages, has {}", human_size(need),
                                      human_size(space->available_bytes)));
    }
    const auto own = free_bytes(context.ports.folder);
    if (!own) return refused_by(own.error());
    if (*own < kOwnBytes)
        return refused(errors::check_space,
                       fmt::format("the agent needs {} on {}, has {}", human_size(kOwnBytes),
                                   context.ports.folder.string(), human_size(*own)));
    return passed(details.empty() ? "nothing is written"
                                  : fmt::format("{}", fmt::join(details, "; ")));
}

// The device's own hardware ids, and those that hardware packages on top of the target's base add.
std::vector<std::string> supported_hardware(const CheckContext& context) {
    auto ids = context.ports.host.hardware();
    for (const auto& package : context.plan.target.packages) {
        if (package.kind != PackageKind::hardware) continue;
        if (const auto manifest = context.ports.layers.manifest(package.digest))
            ids.insert(ids.end(), manifest->supports.begin(), manifest->supports.end());
    }
    for (const auto* const manifest : written_packages(context))
        ids.insert(ids.end(), manifest->supports.begin(), manifest->supports.end());
    // What is only obtained may come together with the support that was obtained before.
    if (context.input.request.kind == OperationKind::fetch)
        for (const auto& package : context.input.depot.obtained)
            if (const auto manifest = context.ports.layers.manifest(package.digest))
                ids.insert(ids.end(), manifest->supports.begin(), manifest->supports.end());
    return ids;
}

// Of what is written, and of what stays on top: its support may be what goes.
CheckResult check_hardware(const CheckContext& context) {
    const auto here = supported_hardware(context);
    auto asked = written_packages(context);
    const auto new_ones = asked.size();
    for (const auto& package : context.plan.target.packages) {
        const auto found =
            std::ranges::find(context.input.at_hand, package.digest, &OfferedPackage::digest);
        if (found != context.input.at_hand.end()) asked.push_back(&found->manifest);
    }
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const auto* const manifest = asked[i];
        const auto& wanted = manifest->compatible.hardware;
        const bool fits = wanted.empty() || std::ranges::any_of(here, [&](const std::string& id) {
                              return std::ranges::find(wanted, id) != wanted.end();
                          });
        if (fits) continue;
        auto result = refused(errors::check_hardware,
                              fmt::format("{} is for {}, the device is {}", name_of(*manifest),
                                          fmt::join(wanted, ", "), fmt::join(here, ", ")));
        if (i >= new_ones && result.error)
            result.error = std::move(*result.error)
                               .with_remedy(fmt::format("Name {} in the same command, so that it "
                                                        "goes as well; or keep what supports its "
                                                        "hardware.",
                                                        manifest->name));
        return result;
    }
    return passed(here.empty() ? "any" : here.front());
}

CheckResult check_architecture(const CheckContext& context) {
    const auto here = context.ports.host.architecture();
    for (const auto* const manifest : written_packages(context)) {
        const auto& wanted = manifest->compatible.architecture;
        if (!wanted.empty() && std::ranges::find(wanted, here) == wanted.end())
            return refused(errors::check_architecture,
                           fmt::format("{} is for {}, the device is {}", name_of(*manifest),
                                       fmt::join(wanted, ", "), here));
    }
    return passed(here);
}

// What was not on top before: it is written now, or was obtained earlier.
std::vector<const Manifest*> coming_packages(const CheckContext& context) {
    auto manifests = written_packages(context);
    const auto& input = context.input;
    const auto* const running = find_generation(input.generations, input.marks.running);
    for (const auto& package : context.plan.target.packages) {
        const auto known =
            std::ranges::find(input.at_hand, package.digest, &OfferedPackage::digest);
        const bool comes =
            running && std::ranges::find(running->packages, package.digest, &PackageRef::digest) ==
                           running->packages.end();
        if (!comes || known == input.at_hand.end() ||
            std::ranges::find(context.plan.layers, package.digest, [](const PlannedLayer& layer) {
                return layer.package.digest;
            }) != context.plan.layers.end())
            continue;
        manifests.push_back(&known->manifest);
    }
    return manifests;
}

// The manifests that the device has seen, and the one on offer.
std::vector<Manifest> known_bases(const CheckContext& context, const Manifest& offered) {
    std::vector<Manifest> known{offered};
    const auto stored = context.ports.store.manifests();
    if (!stored) return known;  // only the advice is poorer
    for (const auto& json : *stored)
        if (auto manifest = parse_manifest(json);
            manifest && manifest->kind == PackageKind::base && manifest->name == known.front().name)
            known.push_back(std::move(*manifest));
    return known;
}

CheckResult refused_path(const CheckContext& context, const Manifest& manifest,
                         const Version& from) {
    const auto& accepts = manifest.compatible.from;
    auto detail = fmt::format("{} is installed over {}, the device runs {}", name_of(manifest),
                              accepts.text(), from.text());
    const auto path = upgrade_path(from, known_bases(context, manifest), manifest.version);
    if (path.empty()) {
        detail += fmt::format("; upgrade to a version that is {} first", accepts.text());
    } else {
        detail += "; go by way of ";
        for (std::size_t i = 0; i < path.size(); ++i)
            detail += fmt::format("{}{}", i == 0 ? "" : ", then ", path[i].text());
    }
    return refused(errors::check_direct_upgrade, detail);
}

// What of this name runs now; null when nothing does.
const PackageRef* running_version(const CheckContext& context, const Manifest& manifest) {
    const auto* running = find_generation(context.input.generations, context.input.marks.running);
    if (!running) return nullptr;
    if (manifest.kind == PackageKind::base) return &running->base;
    return rival_in(running->packages, reference_to(manifest, {}));
}

CheckResult check_direct_upgrade(const CheckContext& context) {
    std::vector<std::string> details;
    for (const auto* const manifest : coming_packages(context)) {
        const auto* const running = running_version(context, *manifest);
        if (!running) continue;
        const auto& accepts = manifest->compatible.from;
        if (!accepts.accepts(running->version))
            return refused_path(context, *manifest, running->version);
        details.push_back(fmt::format("{} accepts {}", manifest->version.text(),
                                      accepts.any() ? "any version" : accepts.text()));
    }
    return passed(details.empty() ? "nothing is replaced"
                                  : fmt::format("{}", fmt::join(details, "; ")));
}

CheckResult check_epoch(const CheckContext& context) {
    const auto device = context.ports.store.epoch();
    if (!device) return refused_by(device.error());
    // An epoch counts bases: packages on top have none of their own.
    if (context.plan.source.empty()) return passed(fmt::format("the device's is {}", *device));
    const auto offered = offered_base(context.input)->manifest.epoch;
    if (offered >= *device) return passed(fmt::format("{}, the device's is {}", offered, *device));
    return refused(errors::check_epoch,
                   fmt::format("the package's is {}, the device's is {}", offered, *device));
}

// What is on top already is written anew: it was not whole.
bool mends(const CheckContext& context) {
    const auto* const running =
        find_generation(context.input.generations, context.input.marks.running);
    return running && std::ranges::any_of(context.plan.layers, [&](const PlannedLayer& layer) {
               return std::ranges::find(running->packages, layer.package.digest,
                                        &PackageRef::digest) != running->packages.end();
           });
}

CheckResult check_health(const CheckContext& context) {
    if (mends(context))
        if (const auto checks = health_checks(context.ports); !checks)
            return warned(
                fmt::format("not known before this is mended: {}", checks.error().text()));
    const auto round = look_at_health(context.ports, context.stop);
    std::string failing;
    for (const auto& status : round)
        if (!status.healthy)
            failing += fmt::format("{}\"{}\": {}", failing.empty() ? "" : "; ", status.name,
                                   status.detail);
    if (failing.empty())
        return passed(counted(round.size(), "check") + (round.size() == 1 ? " passes" : " pass"));
    return refused(errors::check_health, failing);
}

CheckResult check_programs(const CheckContext& context) {
    std::vector<std::string> wanted;
    for (const auto* const manifest : coming_packages(context))
        for (const auto& program : manifest->programs) {
            if (const auto found = find_program(program); !found)
                return refused(errors::check_programs, found.error().message);
            wanted.push_back(program);
        }
    return passed(wanted.empty() ? "none needed" : fmt::format("{}", fmt::join(wanted, ", ")));
}

// A startup that is set and has not happened. One that is the committed generation is what every
// boot starts from, while something else is held until then.
CheckResult check_pending_reboot(const CheckContext& context) {
    const auto& marks = context.input.marks;
    if (marks.startup == marks.running || marks.startup == marks.committed) return passed("none");
    return refused(errors::check_pending_reboot,
                   fmt::format("the next boot starts generation {}, generation {} runs",
                               marks.startup, marks.running));
}

CheckResult check_downgrade(const CheckContext& context) {
    std::vector<std::string> downgrades;
    const auto* running = find_generation(context.input.generations, context.input.marks.running);
    const auto& target = context.plan.target;
    if (!running) return passed("no");
    const auto compare = [&](const PackageRef& from, const PackageRef& to) {
        if (rivals(from, to) && from.version > to.version)
            downgrades.push_back(
                fmt::format("{} from {} to {}", to.name, from.version.text(), to.version.text()));
    };
    compare(running->base, target.base);
    if (!context.plan.source.empty() && rivals(running->base, target.base) &&
        running->base.version == target.base.version)
        downgrades.push_back(
            fmt::format("{} {} is what runs", target.base.name, target.base.version.text()));
    for (const auto& from : running->packages)
        for (const auto& to : target.packages) compare(from, to);
    return downgrades.empty() ? passed("no")
                              : warned(fmt::format("{}", fmt::join(downgrades, "; ")));
}

constexpr std::array kChecks{
    Check{.name = "space", .scope = CheckScope::writes, .forceable = false, .ask = check_space},
    Check{.name = "hardware", .scope = CheckScope::all, .ask = check_hardware},
    Check{.name = "architecture", .scope = CheckScope::writes, .ask = check_architecture},
    Check{.name = "direct-upgrade", .ask = check_direct_upgrade},
    Check{.name = "epoch", .forceable = false, .ask = check_epoch},
    Check{.name = "health", .ask = check_health},
    Check{.name = "programs", .ask = check_programs},
    Check{.name = "downgrade", .ask = check_downgrade},
    Check{.name = "pending-reboot", .scope = CheckScope::changes, .ask = check_pending_reboot},
    Check{.name = "packages", .scope = CheckScope::carries, .ask = check_packages},
    Check{.name = "paths", .scope = CheckScope::stacks, .forceable = false, .ask = check_paths},
    Check{.name = "data", .scope = CheckScope::reloads, .ask = check_data},
    // Before the data that would be lost: who moves the instances loses none.
    Check{.name = "instances",
          .scope = CheckScope::unbinds,
          .forceable = false,
          .ask = check_instances},
    Check{.name = "config-work",
          .scope = CheckScope::config_work,
          .forceable = false,
          .ask = check_config_work},
    Check{.name = kConfigCheck, .scope = CheckScope::modules, .ask = check_configuration},
    Check{.name = "backup-space", .scope = CheckScope::backs_up, .ask = check_backup_space},
    Check{.name = "backup-hardware",
          .scope = CheckScope::restores,
          .forceable = false,
          .ask = check_backup_hardware},
    Check{.name = "backup-device", .scope = CheckScope::restores, .ask = check_backup_device},
    Check{
        .name = "payload", .scope = CheckScope::instance, .forceable = false, .ask = check_payload},
    Check{.name = "os", .scope = CheckScope::host, .ask = check_os},
    Check{.name = "libraries", .scope = CheckScope::host, .ask = check_libraries},
    Check{.name = "keys", .scope = CheckScope::host, .ask = check_keys},
    Check{.name = "algorithms", .scope = CheckScope::host, .ask = check_algorithms},
    Check{.name = "backup", .scope = CheckScope::instance, .ask = check_backup},
};

// The planner asks this, and --force may mention it.
constexpr std::array<std::string_view, 1> kPlannersChecks{"slot"};

// An instance on a host is asked about all that its upgrade stands on, be it that nothing is
// needed.
bool replaces_instance(const CheckContext& context) {
    return context.input.versioned_slots && !context.plan.source.empty();
}

bool concerns(const Check& check, const CheckContext& context) {
    const auto& plan = context.plan;
    const auto kind = context.input.request.kind;
    const auto has = [&](StepKind step) {
        return std::ranges::find(plan.steps, step, &Step::kind) != plan.steps.end();
    };
    const bool writes = !plan.source.empty() || !plan.layers.empty();
    const bool changes = !plan.target.base.name.empty() && !has(StepKind::disarm_trial);
    const bool adds = kind == OperationKind::install || kind == OperationKind::upgrade ||
                      kind == OperationKind::reload ||
                      (kind == OperationKind::activate && has(StepKind::switch_view));
    const bool installs = changes && adds;
    switch (check.scope) {
        case CheckScope::writes: return writes;
        case CheckScope::installs: return installs;
        case CheckScope::changes: return changes;
        case CheckScope::all: return writes || changes;
        case CheckScope::carries:
            return has_packages_to_judge(context) || (installs && replaces_instance(context));
        case CheckScope::stacks: return changes && adds && !plan.target.packages.empty();
        case CheckScope::modules:
            return has(StepKind::upgrade_config) || (installs && replaces_instance(context));
        case CheckScope::reloads: return kind == OperationKind::reload;
        case CheckScope::backs_up: return has(StepKind::create_backup);
        case CheckScope::config_work: return asks_config_work(context);
        case CheckScope::restores: return kind == OperationKind::restore;
        case CheckScope::unbinds: return changes && !sides_that_go(context).empty();
        case CheckScope::host:
            return writes && (has_host_needs(context) || replaces_instance(context));
        case CheckScope::instance: return writes && replaces_instance(context);
    }
    std::unreachable();
}

Result<> check_force(const CheckContext& context) {
    const auto& unforceable = context.ports.config.unforceable;
    for (const auto& name : context.input.request.force) {
        const auto* const found = std::ranges::find(kChecks, name, &Check::name);
        const bool planners = std::ranges::find(kPlannersChecks, name) != kPlannersChecks.end();
        const bool known = planners || (found != kChecks.end() && found->forceable);
        const bool forbidden = std::ranges::find(unforceable, name) != unforceable.end();
        if (!known || forbidden)
            return fail(errors::check_unknown_force, "\"{}\" is no check that --force may skip{}",
                        name, forbidden ? ": the policy of this device forbids it" : "");
    }
    return {};
}

}  // namespace

std::vector<const Manifest*> written_packages(const CheckContext& context) {
    std::vector<const Manifest*> manifests;
    if (!context.plan.source.empty()) manifests.push_back(&offered_base(context.input)->manifest);
    for (const auto& layer : context.plan.layers) {
        const auto found =
            std::ranges::find(context.input.offered, layer.package.digest, &OfferedPackage::digest);
        if (found != context.input.offered.end()) manifests.push_back(&found->manifest);
    }
    return manifests;
}

std::span<const Check> all_checks() { return kChecks; }

Result<std::vector<CheckResult>> run_checks(const CheckContext& context) {
    TRY(check_force(context));
    const auto& force = context.input.request.force;
    std::vector<CheckResult> results;
    for (const auto& check : kChecks) {
        if (!concerns(check, context)) continue;
        const bool skipped = std::ranges::find(force, check.name) != force.end();
        auto result =
            skipped ? CheckResult{.verdict = CheckVerdict::skipped, .detail = "skipped by --force"}
                    : check.ask(context);
        result.name = check.name;
        results.push_back(std::move(result));
    }
    return results;
}

const Error* first_refusal(const std::vector<CheckResult>& checks) {
    const auto found = std::ranges::find(checks, CheckVerdict::refused, &CheckResult::verdict);
    if (found == checks.end()) return nullptr;
    const auto& error = found->error;
    return error ? &*error : nullptr;
}

}  // namespace cutover
