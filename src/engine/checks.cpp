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
#include "engine/errors.h"
#include "engine/health.h"
#include "engine/ports.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/version.h"

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

const Manifest& manifest_of(const CheckContext& context) {
    CUTOVER_CHECK(context.input.package.has_value());  // concerns() has seen to it
    return context.input.package->manifest;
}

CheckResult check_space(const CheckContext& context) {
    const auto space = context.ports.slots.space(context.plan.target.slot);
    if (!space) return refused_by(space.error());
    const auto need =
        manifest_of(context).payload.installed_bytes + (space->shared ? kOwnBytes : 0);
    if (space->available_bytes < need)
        return refused(errors::check_space,
                       fmt::format("needs {} on {}, has {}: {} are missing", human_size(need),
                                   space->file_system.string(), human_size(space->available_bytes),
                                   human_size(need - space->available_bytes)));
    const auto own = free_bytes(context.ports.folder);
    if (!own) return refused_by(own.error());
    if (*own < kOwnBytes)
        return refused(errors::check_space,
                       fmt::format("the agent needs {} on {}, has {}", human_size(kOwnBytes),
                                   context.ports.folder.string(), human_size(*own)));
    return passed(
        fmt::format("needs {}, has {}", human_size(need), human_size(space->available_bytes)));
}

CheckResult check_hardware(const CheckContext& context) {
    const auto& wanted = manifest_of(context).compatible.hardware;
    const auto here = context.ports.host.hardware();
    const bool fits = wanted.empty() || std::ranges::any_of(here, [&](const std::string& id) {
                          return std::ranges::find(wanted, id) != wanted.end();
                      });
    if (fits) return passed(here.empty() ? "any" : here.front());
    return refused(errors::check_hardware,
                   fmt::format("the package is for {}, the device is {}", fmt::join(wanted, ", "),
                               fmt::join(here, ", ")));
}

CheckResult check_architecture(const CheckContext& context) {
    const auto& wanted = manifest_of(context).compatible.architecture;
    const auto here = context.ports.host.architecture();
    if (wanted.empty() || std::ranges::find(wanted, here) != wanted.end()) return passed(here);
    return refused(
        errors::check_architecture,
        fmt::format("the package is for {}, the device is {}", fmt::join(wanted, ", "), here));
}

CheckResult check_packages(const CheckContext& context) {
    const auto& target = context.plan.target;
    for (const auto& package : target.packages) {
        const auto stored = context.ports.store.manifest(package.digest);
        if (!stored) return refused_by(stored.error());
        const auto& json = *stored;
        if (!json) continue;  // an integrated feature: it comes with its base
        const auto manifest = parse_manifest(*json);
        if (!manifest) return refused_by(manifest.error());
        if (!manifest->compatible.base.accepts(target.base.version))
            return refused(errors::check_packages,
                           fmt::format("{} {} supports bases {}, not {} {}", package.name,
                                       package.version.text(), manifest->compatible.base.text(),
                                       target.base.name, target.base.version.text()));
    }
    return passed(fmt::format("{} on top", target.packages.size()));
}

// The manifests that the device has seen, and the one on offer.
std::vector<Manifest> known_bases(const CheckContext& context) {
    std::vector<Manifest> known{manifest_of(context)};
    const auto stored = context.ports.store.manifests();
    if (!stored) return known;  // only the advice is poorer
    for (const auto& json : *stored)
        if (auto manifest = parse_manifest(json);
            manifest && manifest->kind == PackageKind::base && manifest->name == known.front().name)
            known.push_back(std::move(*manifest));
    return known;
}

CheckResult check_direct_upgrade(const CheckContext& context) {
    const auto& manifest = manifest_of(context);
    const auto* running = find_generation(context.input.generations, context.input.marks.running);
    if (!running) return passed("nothing runs yet");
    const auto& from = running->base.version;
    const auto& accepts = manifest.compatible.from;
    if (accepts.accepts(from))
        return passed(fmt::format("{} accepts {}", manifest.version.text(),
                                  accepts.any() ? "any version" : accepts.text()));
    auto detail = fmt::format("{} {} is installed over {}, the device runs {}", manifest.name,
                              manifest.version.text(), accepts.text(), from.text());
    const auto path = upgrade_path(from, known_bases(context), manifest.version);
    if (path.empty()) {
        detail += fmt::format("; upgrade to a version that is {} first", accepts.text());
    } else {
        detail += "; go by way of ";
        for (std::size_t i = 0; i < path.size(); ++i)
            detail += fmt::format("{}{}", i == 0 ? "" : ", then ", path[i].text());
    }
    return refused(errors::check_direct_upgrade, detail);
}

CheckResult check_epoch(const CheckContext& context) {
    const auto device = context.ports.store.epoch();
    if (!device) return refused_by(device.error());
    const auto offered = manifest_of(context).epoch;
    if (offered >= *device) return passed(fmt::format("{}, the device's is {}", offered, *device));
    return refused(errors::check_epoch,
                   fmt::format("the package's is {}, the device's is {}", offered, *device));
}

CheckResult check_health(const CheckContext& context) {
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
    const auto& wanted = manifest_of(context).programs;
    for (const auto& program : wanted)
        if (const auto found = find_program(program); !found)
            return refused(errors::check_programs, found.error().message);
    return passed(wanted.empty() ? "none needed" : fmt::format("{}", fmt::join(wanted, ", ")));
}

CheckResult check_pending_reboot(const CheckContext& context) {
    const auto& marks = context.input.marks;
    if (marks.startup == marks.running) return passed("none");
    return refused(errors::check_pending_reboot,
                   fmt::format("the next boot starts generation {}, generation {} runs",
                               marks.startup, marks.running));
}

CheckResult check_downgrade(const CheckContext& context) {
    const auto* running = find_generation(context.input.generations, context.input.marks.running);
    const auto& target = context.plan.target.base;
    if (!running || running->base.name != target.name || running->base.version <= target.version)
        return passed("no");
    return warned(
        fmt::format("from {} to {}", running->base.version.text(), target.version.text()));
}

constexpr std::array kChecks{
    Check{.name = "space", .forceable = false, .ask = check_space},
    Check{.name = "hardware", .ask = check_hardware},
    Check{.name = "architecture", .ask = check_architecture},
    Check{.name = "packages", .ask = check_packages},
    Check{.name = "direct-upgrade", .ask = check_direct_upgrade},
    Check{.name = "epoch", .forceable = false, .ask = check_epoch},
    Check{.name = "health", .ask = check_health},
    Check{.name = "programs", .ask = check_programs},
    Check{.name = "downgrade", .ask = check_downgrade},
    Check{.name = "pending-reboot", .for_installs_only = false, .ask = check_pending_reboot},
};

// Not a question with an answer here: the planner asks it, and --force may mention it.
constexpr std::string_view kSlotCheck = "slot";

bool concerns(const Check& check, const Plan& plan) {
    const bool installs = !plan.source.empty();
    const bool takes_back = std::ranges::any_of(
        plan.steps, [](const Step& step) { return step.kind == StepKind::disarm_trial; });
    if (plan.target.base.name.empty() || takes_back) return false;
    return installs || !check.for_installs_only;
}

Result<> check_force(const CheckContext& context) {
    const auto& unforceable = context.ports.config.unforceable;
    for (const auto& name : context.input.request.force) {
        const auto* const found = std::ranges::find(kChecks, name, &Check::name);
        const bool known = name == kSlotCheck || (found != kChecks.end() && found->forceable);
        const bool forbidden = std::ranges::find(unforceable, name) != unforceable.end();
        if (!known || forbidden)
            return fail(errors::check_unknown_force, "\"{}\" is no check that --force may skip{}",
                        name, forbidden ? ": the policy of this device forbids it" : "");
    }
    return {};
}

}  // namespace

std::span<const Check> all_checks() { return kChecks; }

Result<std::vector<CheckResult>> run_checks(const CheckContext& context) {
    TRY(check_force(context));
    const auto& force = context.input.request.force;
    std::vector<CheckResult> results;
    for (const auto& check : kChecks) {
        if (!concerns(check, context.plan)) continue;
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
