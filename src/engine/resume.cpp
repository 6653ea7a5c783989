// After a boot, or a restart of the agent: makes the store agree with the machine, and decides what
// becomes of what was unfinished.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/errors.h"
#include "engine/ports.h"
#include "engine/recovery.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "store/store.h"

namespace cutover {
namespace {

int index_of(const Plan& plan, StepKind kind) {
    const auto found = std::ranges::find(plan.steps, kind, &Step::kind);
    return found == plan.steps.end() ? -1 : static_cast<int>(found - plan.steps.begin());
}

std::string boot_failure_text(const std::vector<std::string>& failures) {
    return failures.empty() ? "it died before the agent was up"
                            : fmt::format("{}", fmt::join(failures, "; "));
}

}  // namespace

Result<Engine::Outcome> Engine::start() {
    alive();
    const auto boot = TRY(ports_.boot.status());
    TRY(reconcile_running(boot));
    auto open = TRY(ports_.store.open_operation());
    if (open) {
        const auto outcome = TRY(resume(std::move(*open), boot));
        if (outcome != Outcome::idle) return outcome;
    }
    TRY(reconcile_slots(TRY(ports_.boot.status())));
    TRY(reconcile_marks());
    return after_boot(TRY(ports_.boot.status()));
}

// The running mark is what the boot loader started, whatever was meant to run.
Result<> Engine::reconcile_running(const BootStatus& boot) {
    const auto generations = TRY(ports_.store.generations());
    const auto* const running = generation_in(generations, boot.running);
    if (!running) return {};
    auto marks = TRY(ports_.store.marks());
    // Of several generations in one slot, the one that was meant to start is the one that did.
    const auto* const meant = find_generation(generations, marks.startup);
    const bool as_meant = meant && meant->kept && meant->slot == boot.running;
    const auto id = as_meant ? meant->id : running->id;
    if (marks.running == id) return {};
    marks.running = id;
    return save([&] { return ports_.store.set_marks(marks); },
                {{"mark.moved", fmt::format("running: generation {}", id)}});
}

// Fallbacks end where the boot loader ends them, and a startup that is in no slot any more cannot
// happen. Not while an operation is between the two.
Result<> Engine::reconcile_marks() {
    const auto boot = TRY(ports_.boot.status());
    const auto generations = TRY(ports_.store.generations());
    const auto before = TRY(ports_.store.marks());
    auto marks = before;
    const auto* const committed = find_generation(generations, marks.committed);
    const auto* const held = generation_in(generations, boot.committed);
    if (held && (!committed || committed->slot != boot.committed)) marks.committed = held->id;
    const auto* const startup = find_generation(generations, marks.startup);
    if (marks.startup != marks.running && !(startup && startup->kept)) {
        if (boot.trial && boot.trial != boot.running) TRY(ports_.boot.end_trial());
        marks.startup = marks.committed;
    }
    if (marks == before) return {};
    ports_.log.warning("marks disagreed with slots or boot loader",
                       {{"committed", std::to_string(marks.committed)},
                        {"startup", std::to_string(marks.startup)}});
    return save([&] { return ports_.store.set_marks(marks); },
                {{"mark.moved", fmt::format("committed: generation {}, startup: generation {}",
                                            marks.committed, marks.startup)}});
}

// A slot that by its own account holds nothing cannot be gone back to. The one that runs and the
// one that every fallback ends in are left alone, whatever they say; so is one that cannot be read
// now, for it may be readable tomorrow.
Result<> Engine::reconcile_slots(const BootStatus& boot) {
    for (auto& slot : TRY(ports_.store.slots())) {
        const bool needed = slot.slot == boot.running || slot.slot == boot.committed;
        if (needed || slot.state == SlotState::empty) continue;
        const auto holds = ports_.slots.manifest(slot.slot);
        const bool whole = holds && slot.holds && slot.state != SlotState::writing &&
                           holds->name == slot.holds->name && holds->version == slot.holds->version;
        if (whole) continue;
        const bool unreadable = !holds && holds.error().kind != Errc::not_found;
        if (unreadable)
            ports_.log.warning("slot cannot be read", {{"slot", std::string(to_string(slot.slot))},
                                                       {"error", holds.error().text()}});
        if (unreadable && slot.state != SlotState::writing) continue;
        TRY(ports_.slots.erase(slot.slot));
        TRY(save(
            [&]() -> Result<> {
                for (auto& generation : TRY(ports_.store.generations())) {
                    if (!generation.kept || generation.slot != slot.slot) continue;
                    generation.kept = false;
                    TRY(ports_.store.put_generation(generation));
                }
                return ports_.store.put_slot({.slot = slot.slot, .state = SlotState::empty});
            },
            {{"slot.emptied", fmt::format("slot {} held nothing whole", to_string(slot.slot))}}));
    }
    return {};
}

Position Engine::position(const OperationRecord& record) const {
    const auto& plan = record.plan;
    const auto cursor = static_cast<std::size_t>(std::max(record.cursor, 0));
    if (cursor < plan.steps.size()) {
        const auto kind = plan.steps[cursor].kind;
        if (kind == StepKind::repair || kind == StepKind::disarm_trial) return Position::repeatable;
        if (kind == StepKind::reboot && record.begun) return Position::rebooting;
    }
    const int arm = index_of(plan, StepKind::arm_trial);
    if (arm < 0 || record.cursor < arm || (record.cursor == arm && !record.begun))
        return Position::before_arming;
    const int reboot = index_of(plan, StepKind::reboot);
    if (reboot < 0 || record.cursor <= reboot) return Position::arming;
    const int commit = index_of(plan, StepKind::commit);
    return record.cursor == commit && record.begun ? Position::committing : Position::on_trial;
}

// Services were away from when the reboot was asked for until now. The caller saves it, together
// with what it concludes from it.
std::vector<Engine::Note> Engine::note_reboot() {
    auto& record = *record_;
    const bool rebooted = !record.boot_id.empty() && record.boot_id != ports_.host.boot_id();
    if (!rebooted) return {};
    const auto away = ports_.clock.wall() - record.reboot_asked;
    record.operation.interruption += std::max(away, std::chrono::milliseconds(0));
    // Boots that died are reboots too; all of them come before the first agent that is up again.
    if (record.operation.reboots == 0)
        record.operation.reboots += static_cast<int>(ports_.host.boot_failures().size());
    record.operation.reboots += 1;
    record.boot_id.clear();
    return {{"device.restarted", record.operation.title}};
}

Result<Engine::Outcome> Engine::resume(OperationRecord record, const BootStatus& boot) {
    const auto target = record.plan.target.slot;
    const bool has_target = index_of(record.plan, StepKind::arm_trial) >= 0;
    const Found found{
        .has_target = has_target,
        .running_is_target = has_target && boot.running == target,
        .target_confirmed = has_target && boot.committed == target,
        .trial_armed = has_target && boot.trial == target,
        .rebooted = !record.boot_id.empty() && record.boot_id != ports_.host.boot_id()};
    const auto where = position(record);
    const auto decision = decide(record, where, found);

    record_ = std::make_unique<OperationRecord>(std::move(record));
    auto& operation = record_->operation;
    renew_stop();
    operation_begun_ = ports_.clock.steady();
    stage_begun_ = operation_begun_;
    log_.emplace(ports_.folder, operation.id);
    say(fmt::format("the agent is up again: slot {} runs, {}", to_string(boot.running),
                    to_string(boot.reason)));
    auto notes = note_reboot();
    if (found.running_is_target) record_->on_new_base = true;

    switch (decision) {
        case Recovery::go_on: TRY(save({}, std::move(notes))); break;
        case Recovery::go_on_after: {
            const int reboot = index_of(record_->plan, StepKind::reboot);
            const int arm = index_of(record_->plan, StepKind::arm_trial);
            stage_record(operation.stage).detail =
                fmt::format("slot {}, {}", to_string(boot.running), to_string(boot.reason));
            record_->cursor = std::max(reboot, arm) + 1;
            record_->begun = false;
            record_->committed = !has_target;  // a restart has happened and cannot be taken back
            TRY(save([&] { return has_target ? startup_is_target() : Result<>(); },
                     std::move(notes)));
            break;
        }
        case Recovery::reboot: {
            auto asked =
                reboot();  // notes in which boot it asks, so that it is known to have happened
            if (asked) return Outcome::reboot;
            TRY(begin_undo(std::move(asked).error()));
            break;
        }
        case Recovery::undo:
            TRY(save({}, std::move(notes)));
            if (!record_->undoing)
                TRY(begin_undo(make_error(errors::operation_interrupted,
                                          fmt::format("{} was interrupted", operation.title))));
            break;
        case Recovery::fell_back: {
            const auto& base = record_->plan.target.base;
            auto error =
                make_error(errors::trial_boot_failed,
                           fmt::format("{} {} did not boot", base.name, base.version.text()));
            error.set_cause(boot_failure_text(ports_.host.boot_failures()));
            record_->on_new_base = true;
            TRY(save({}, std::move(notes)));
            TRY(begin_undo(std::move(error)));
            break;
        }
    }
    return go_on();
}

// Nothing was unfinished; but a startup that was set may have happened, or failed.
Result<Engine::Outcome> Engine::after_boot(const BootStatus& boot) {
    const auto marks = TRY(ports_.store.marks());
    const auto generations = TRY(ports_.store.generations());
    const auto* const startup = find_generation(generations, marks.startup);
    if (!startup) return Outcome::idle;
    if (boot.trial == boot.running && startup->slot == boot.running)
        return try_startup(*startup, true);
    const bool lost = marks.startup != marks.running && boot.trial != startup->slot;
    if (lost) return try_startup(*startup, false);
    return Outcome::idle;
}

// The trial goes on as the operation that has set the startup was asked to.
Result<Request> Engine::request_of_startup(const Generation& target) {
    Request request{
        .kind = OperationKind::activate, .generation = target.id, .asked_by = "startup"};
    for (const auto& operation : TRY(ports_.store.operations(Store::kKeptOperations))) {
        const bool set_it = operation.to == target.id && operation.state == OperationState::done &&
                            operation.request.mode == Mode::next_startup;
        if (!set_it) continue;
        request.trial = operation.request.trial;
        if (operation.request.kind == OperationKind::revert) request.kind = OperationKind::revert;
        break;
    }
    return request;
}

// The trial of a generation that `--mode next-startup` has set, as an operation of its own.
Result<Engine::Outcome> Engine::try_startup(const Generation& target, bool booted) {
    auto request = TRY(request_of_startup(target));
    PlanInput input;  // without scripts: they ran when the startup was set
    input.request = request;
    input.request.force = {"slot"};
    input.marks = TRY(ports_.store.marks());
    input.generations = TRY(ports_.store.generations());
    input.slots = TRY(ports_.store.slots());
    input.active = other(target.slot);
    operation_begun_ = ports_.clock.steady();
    OperationRecord record;
    record.plan = TRY(make_plan(input));
    record.plan.target = target;
    record.cursor = index_of(record.plan, StepKind::reboot) + 1;
    record.on_new_base = true;
    auto& operation = record.operation;
    operation.id = TRY(ports_.store.last_operation()) + 1;
    operation.title =
        fmt::format("start up with base {} {}", target.base.name, target.base.version.text());
    record.plan.title = operation.title;
    operation.request = std::move(request);
    operation.started = ports_.clock.wall();
    operation.from = TRY(ports_.store.marks()).committed;
    operation.to = target.id;
    operation.stage = Stage::postexecute;
    for (const auto stage : kStages)
        operation.stages.push_back({.stage = stage, .state = StageState::done});
    operation.stages.back().state = StageState::running;
    record_ = std::make_unique<OperationRecord>(std::move(record));
    renew_stop();
    log_.emplace(ports_.folder, record_->operation.id);
    TRY(save({}, {{"operation.started", record_->operation.title}}));
    if (!booted) {
        auto error = make_error(
            errors::trial_boot_failed,
            fmt::format("{} {} did not boot", target.base.name, target.base.version.text()));
        error.set_cause(boot_failure_text(ports_.host.boot_failures()));
        TRY(begin_undo(std::move(error)));
    }
    return go_on();
}

}  // namespace cutover
