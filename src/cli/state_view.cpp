#include "cli/state_view.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "model/device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/side_by_side.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover::cli {
namespace {

std::vector<NextCommand> while_at_work(const Operation& operation) {
    if (operation.state == OperationState::awaiting_commit)
        return {{.command = "cutover commit", .purpose = "keep what runs on trial"},
                {.command = "cutover rollback", .purpose = "go back to what ran before"},
                {.command = "cutover show health", .purpose = "see what the checks say"}};
    return {{.command = fmt::format("cutover show operation {} --follow", operation.id),
             .purpose = "watch it to its end"},
            {.command = "cutover cancel", .purpose = "undo it"},
            {.command = "cutover show status", .purpose = "see the whole device"}};
}

// An alarm comes first, then a startup that waits for a reboot, then going back.
std::vector<NextCommand> while_idle(const DeviceState& state) {
    std::vector<NextCommand> next;
    if (!state.alarms.empty()) {
        next.push_back({.command = "cutover show alarms", .purpose = "see what needs attention"});
        const auto operation = state.alarms.back().operation;
        if (operation != 0)
            next.push_back({.command = fmt::format("cutover show operation {} --log", operation),
                            .purpose = "see what went wrong"});
    }
    const auto active =
        std::ranges::find(state.packages, PackageState::active, &PackageStatus::state);
    if (active != state.packages.end() && active->package.kind == PackageKind::patch)
        next.push_back({.command = "cutover patch run " + active->package.name,
                        .purpose = "keep the patch over boots"});
    else if (state.marks.startup != state.marks.running)
        next.push_back({.command = "cutover reboot", .purpose = "start what is set for startup"});
    const auto* standby = find_slot(state, other(state.active_slot));
    const bool installed =
        standby != nullptr && standby->holds && standby->state == SlotState::installed;
    if (installed && !standby->committed_once)
        next.push_back({.command = "cutover activate",
                        .purpose = fmt::format("start {} in slot {} on trial",
                                               named(*standby->holds), to_string(standby->slot))});
    next.push_back(
        {.command = "cutover show version", .purpose = "what runs, and what a reboot would start"});
    next.push_back(
        {.command = "cutover upgrade FILE --preview", .purpose = "what an upgrade would do"});
    if (installed && standby->committed_once)
        next.push_back({.command = "cutover revert",
                        .purpose = fmt::format("go back to {} in slot {}", named(*standby->holds),
                                               to_string(standby->slot))});
    else
        next.push_back({.command = "cutover show health", .purpose = "what the checks say"});
    return next;
}

// What is on top of the base, or is to be after the next boot.
std::vector<PackageRef> on_top(const DeviceState& state, GenerationId id) {
    const auto* generation = find_generation(state, id);
    return generation == nullptr ? std::vector<PackageRef>() : generation->packages;
}

std::vector<PackageResult> failed_reload(const DeviceState& before, const Operation& operation) {
    std::vector<PackageResult> results;
    const auto why = operation.error ? operation.error->text() : std::string();
    for (const auto& row : before.packages) {
        const bool comes = row.state == PackageState::selected;
        const bool marked = comes || row.state == PackageState::leaving;
        const bool there = row.state == PackageState::running || row.state == PackageState::active;
        if (marked)
            results.push_back(
                {.package = row.package,
                 .result = "failed",
                 .why = fmt::format("{}: {}", comes ? "not loaded" : "still loaded", why)});
        else if (there)
            results.push_back({.package = row.package, .result = "unchanged", .why = {}});
    }
    return results;
}

}  // namespace

const Generation* find_generation(const DeviceState& state, GenerationId id) {
    const auto found = std::ranges::find(state.generations, id, &Generation::id);
    return found == state.generations.end() ? nullptr : &*found;
}

const SlotStatus* find_slot(const DeviceState& state, Slot slot) {
    const auto found = std::ranges::find(state.slots, slot, &SlotStatus::slot);
    return found == state.slots.end() ? nullptr : &*found;
}

std::vector<std::string> marks_of(const DeviceState& state, GenerationId id) {
    std::vector<std::string> marks;
    if (state.marks.running == id) marks.emplace_back("running");
    if (state.marks.startup == id) marks.emplace_back("startup");
    if (state.marks.committed == id) marks.emplace_back("committed");
    return marks;
}

std::string package_state(const PackageStatus& package) {
    const bool patch = package.package.kind == PackageKind::patch;
    switch (package.state) {
        case PackageState::integrated: return "integrated";
        case PackageState::obtained: return patch ? "deactive" : "installable";
        case PackageState::selected: return "installed, comes with the next reload";
        case PackageState::running: return patch ? "running" : "loaded";
        case PackageState::active: return patch ? "active" : "loaded until the next boot";
        case PackageState::next_boot: return "comes with the next boot";
        case PackageState::leaving: return "loaded, goes with the next reload";
    }
    return {};
}

std::string named(const PackageRef& package) {
    return fmt::format("{} {}", package.name, package.version.text());
}

std::string doing_now(const DeviceState& state) {
    if (!state.current) return "nothing is at work";
    const auto& operation = *state.current;
    const auto what = fmt::format("operation {}: {}", operation.id, operation.title);
    if (operation.state == OperationState::on_trial) return what + " is on trial";
    if (operation.state == OperationState::undoing) return what + " is being undone";
    if (operation.state == OperationState::awaiting_commit)
        return operation.commit_deadline ? fmt::format("{} waits for `cutover commit` until {}",
                                                       what, to_iso8601(*operation.commit_deadline))
                                         : what + " waits for `cutover commit`";
    return fmt::format("{} is at work, stage {}", what, to_string(operation.stage));
}

std::vector<NextCommand> next_commands(const DeviceState& state) {
    constexpr std::size_t kCount = 3;
    auto next = state.current ? while_at_work(*state.current) : while_idle(state);
    if (next.size() > kCount) next.resize(kCount);
    return next;
}

std::vector<PackageResult> reload_results(const DeviceState& before, const DeviceState& now,
                                          const Operation& operation) {
    const bool on_trial = operation.state == OperationState::awaiting_commit;
    if (operation.state != OperationState::done && !on_trial)
        return failed_reload(before, operation);
    const bool later = operation.request.mode == Mode::next_startup;
    const auto old = on_top(before, before.marks.running);
    const auto fresh = on_top(now, later ? now.marks.startup : now.marks.running);
    const std::string when = later ? "with the next boot" : on_trial ? "on trial" : "";
    std::vector<PackageResult> results;
    for (const auto& package : fresh) {
        const auto* replaced = rival_in(old, package);
        if (replaced != nullptr && replaced->digest == package.digest) {
            results.push_back({.package = package, .result = "unchanged", .why = {}});
            continue;
        }
        auto why = replaced == nullptr ? std::string() : "in place of " + replaced->version.text();
        if (!when.empty()) why = why.empty() ? when : fmt::format("{}, {}", why, when);
        results.push_back({.package = package, .result = "loaded", .why = why});
    }
    for (const auto& package : old)
        if (rival_in(fresh, package) == nullptr)
            results.push_back({.package = package, .result = "removed", .why = when});
    return results;
}

}  // namespace cutover::cli
