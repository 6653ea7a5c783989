// The steps of a trial: it is armed, begun, judged and kept, or taken back.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/fault.h"
#include "engine/engine.h"
#include "engine/errors.h"
#include "engine/health.h"
#include "engine/ports.h"
#include "engine/stack.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/slot.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCommitPoll{100};
constexpr auto kFailedAlarm = "upgrade-failed";
constexpr auto kUndoAlarm = "undo-incomplete";
constexpr int kMaxReboots = 5;  // of one operation that is undone

}  // namespace

Result<> Engine::startup_is_target() {
    auto marks = TRY(ports_.store.marks());
    marks.startup = record_->plan.target.id;
    // Where nobody asked for the reboot, this is all there is to do.
    record_->committed = std::ranges::none_of(
        record_->plan.steps, [](const Step& step) { return step.kind == StepKind::reboot; });
    if (record_->committed) TRY(put_depot());
    return ports_.store.set_marks(marks);
}

Result<Engine::Done> Engine::arm_trial() {
    const auto& target = record_->plan.target;
    const auto slot = target.slot;
    const bool same_base = TRY(ports_.boot.status()).running == slot;
    fault_point("step.arm");
    if (same_base) {
        TRY(ports_.layers.start_trial(slot, layers_of(target), ports_.config.trial_boots));
    } else {
        TRY(ports_.layers.set_startup(slot, layers_of(target)));
        TRY(ports_.boot.start_trial(slot, ports_.config.trial_boots));
    }
    fault_point("step.armed");
    return Done{.detail = same_base
                              ? std::string("it is tried at the next boot")
                              : fmt::format("slot {} is tried at the next boot", to_string(slot)),
                .writes = [this] { return startup_is_target(); },
                .notes = {{"mark.moved", fmt::format("startup: {}", record_->plan.subject)}}};
}

Result<> Engine::end_trials() {
    const auto boot = TRY(ports_.boot.status());
    TRY(ports_.boot.end_trial());
    if (TRY(ports_.layers.startup(boot.running)).trial) TRY(ports_.layers.end_trial(boot.running));
    return {};
}

Result<Engine::Done> Engine::disarm_trial() {
    TRY(end_trials());
    return Done{.writes = [this]() -> Result<> {
                    auto marks = TRY(ports_.store.marks());
                    marks.startup = marks.running;
                    record_->committed = true;
                    return ports_.store.set_marks(marks);
                },
                .notes = {{"mark.moved", "startup: back to what runs"}}};
}

Result<Engine::Done> Engine::reboot() {
    record_->boot_id = ports_.host.boot_id();
    record_->reboot_asked = ports_.clock.wall();
    TRY(save({}, {{"device.restarting", record_->operation.title}}));
    fault_point("step.reboot");
    TRY(ports_.host.reboot());
    return Done{.reboot = true};
}

Result<Engine::Done> Engine::check_trial() {
    auto& operation = record_->operation;
    operation.state = OperationState::on_trial;
    TRY(save({}, {{"trial.started", record_->plan.subject}}));
    auto round = demand_health(
        ports_, ports_.config.trial_deadline, [this](const std::string& line) { say(line); },
        stop_);
    operation.state = OperationState::running;
    if (!round) {
        auto error = std::move(round).error();
        if (error.id != errors::trial_check_failed.id) return std::unexpected(std::move(error));
        return std::unexpected(std::move(error).within(
            fmt::format("{} did not pass its checks", record_->plan.subject)));
    }
    health_ = std::move(*round);
    // In service, what the services did at the switch says more.
    const bool switched = std::ranges::any_of(
        record_->plan.steps, [](const Step& step) { return step.kind == StepKind::switch_view; });
    const auto passed = counted(health_.size(), "check") + " passed";
    return Done{.detail = switched ? std::string() : passed,
                .notes = {{"trial.passed", counted(health_.size(), "check")}}};
}

Result<Engine::Done> Engine::await_commit() {
    auto& operation = record_->operation;
    if (!operation.commit_deadline)
        operation.commit_deadline = ports_.clock.wall() + operation.request.trial;
    operation.state = OperationState::awaiting_commit;
    TRY(save({}, {{"trial.awaits_commit",
                   fmt::format("until {}", to_iso8601(*operation.commit_deadline))}}));
    // By the steady clock as well, for the wall clock may be set while we wait.
    const auto begun = ports_.clock.steady();
    const auto end =
        begun + std::min<milliseconds>(*operation.commit_deadline - ports_.clock.wall(),
                                       operation.request.trial);
    while (commit_wished_ != operation.id) {
        alive();
        static_cast<void>(TRY(look_at_hardware()));
        if (ports_.clock.steady() >= end)
            return fail(
                errors::trial_not_committed, "{} was not committed within {}",
                record_->plan.subject,
                counted(static_cast<std::size_t>(operation.request.trial.count()), "minute"));
        if (!ports_.clock.sleep(kCommitPoll, stop_))
            return fail(errors::operation_cancelled, "the trial was ended");
    }
    operation_begun_ += ports_.clock.steady() - begun;  // it was not the operation that took long
    operation.state = OperationState::running;
    operation.commit_deadline.reset();
    return Done{.notes = {{"trial.commit_asked", operation.title}}};
}

// The platform is told first, then the marks move.
Result<Engine::Done> Engine::commit_target() {
    const auto& kept = kept_generation();
    const auto boot = TRY(ports_.boot.status());
    const bool new_base = boot.committed != kept.slot || boot.trial == kept.slot;
    const auto epoch = TRY(ports_.slots.manifest(kept.slot)).epoch;
    fault_point("step.confirm");
    const auto startup = TRY(ports_.layers.startup(kept.slot));
    if (startup.trial || startup.committed != layers_of(kept))
        TRY(ports_.layers.set_startup(kept.slot, layers_of(kept)));
    fault_point("step.kept");
    if (new_base) TRY(ports_.boot.confirm(kept.slot));
    fault_point("step.confirmed");
    return Done{.detail = new_base ? fmt::format("slot {}", to_string(kept.slot)) : std::string(),
                .writes = [this, epoch] { return marks_are_kept(epoch); },
                .notes = {{"mark.moved", fmt::format("committed: {}", record_->plan.subject)}}};
}

Result<> Engine::marks_are_kept(std::uint32_t epoch) {
    const auto& kept = kept_generation();
    for (auto& generation : TRY(ports_.store.generations())) {
        if (generation.id != kept.id) continue;
        generation.committed_once = true;
        generation.bad = false;
        TRY(ports_.store.put_generation(generation));
    }
    TRY(ports_.store.set_marks(
        {.running = record_->plan.target.id, .startup = kept.id, .committed = kept.id}));
    TRY(ports_.store.put_slot({.slot = kept.slot,
                               .state = SlotState::installed,
                               .holds = kept.base,
                               .committed_once = true}));
    if (epoch > TRY(ports_.store.epoch())) TRY(ports_.store.set_epoch(epoch));
    TRY(put_depot());
    TRY(ports_.store.clear_alarm(kFailedAlarm, ports_.clock.wall()));
    TRY(ports_.store.clear_alarm(kUndoAlarm, ports_.clock.wall()));
    TRY(ports_.store.clear_alarm(kPackagesAlarm, ports_.clock.wall()));
    record_->committed = true;
    return {};
}

// Packages that a boot has brought on trial go without another one.
Result<Engine::Done> Engine::undo_layer_trial() {
    const auto& target = record_->plan.target;
    const auto generations = TRY(ports_.store.generations());
    const auto* const back = find_generation(generations, TRY(ports_.store.marks()).committed);
    const bool shown = back && back->slot == target.slot && TRY(runs(target));
    fault_point("undo.disarm");
    TRY(ports_.layers.end_trial(target.slot));
    fault_point("undo.disarmed");
    if (shown) TRY(switch_to(layers_of(target), layers_of(*back)));
    return Done{.writes = [this, shown]() -> Result<> {
                    auto marks = TRY(ports_.store.marks());
                    marks.startup = marks.committed;
                    if (shown) marks.running = marks.committed;
                    return ports_.store.set_marks(marks);
                },
                .notes = {{"mark.moved", "startup: back to the committed generation"}}};
}

Result<Engine::Done> Engine::undo_arming() {
    const auto boot = TRY(ports_.boot.status());
    if (record_->plan.target.slot == boot.committed) return undo_layer_trial();
    fault_point("undo.disarm");
    TRY(ports_.boot.end_trial());
    fault_point("undo.disarmed");
    if (boot.running == record_->plan.target.slot && boot.committed != boot.running) {
        if (record_->operation.reboots > kMaxReboots)
            return fail(Errc::conflict, "slot {} is booted again and again, though its trial ended",
                        to_string(boot.running));
        return reboot();  // and then once more, on the committed base
    }
    return Done{.writes = [this]() -> Result<> {
                    auto marks = TRY(ports_.store.marks());
                    marks.startup = marks.committed;
                    return ports_.store.set_marks(marks);
                },
                .notes = {{"mark.moved", "startup: back to the committed generation"}}};
}

// The target has failed its trial.
Result<> Engine::mark_bad() {
    const auto& target = record_->plan.target;
    for (auto& generation : TRY(ports_.store.generations())) {
        if (generation.id != target.id) continue;
        generation.bad = true;
        TRY(ports_.store.put_generation(generation));
    }
    if (TRY(ports_.boot.status()).committed == target.slot) return {};  // its packages are bad
    auto slots = TRY(ports_.store.slots());
    auto& slot = *std::ranges::find(slots, target.slot, &SlotStatus::slot);
    slot.state = SlotState::bad;
    return ports_.store.put_slot(slot);
}

}  // namespace cutover
