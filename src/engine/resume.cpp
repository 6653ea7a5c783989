// After a boot, or a restart of the agent: makes the store agree with the machine, and decides what
// becomes of what was unfinished.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
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
#include "engine/stack.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/factory_reset.h"
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
    ports_.present = served_hardware();
    TRY(reconcile_running(boot));
    TRY(look_at_configuration());
    auto open = TRY(ports_.store.open_operation());
    if (open) {
        const auto outcome = TRY(resume(std::move(*open), boot));
        if (outcome != Outcome::idle) return outcome;
    }
    TRY(reconcile_slots(TRY(ports_.boot.status())));
    TRY(reconcile_marks());
    TRY(reconcile_layers());
    TRY(forget_held());
    return after_boot(TRY(ports_.boot.status()));
}

// The running mark is what the boot has started, whatever was meant to run.
Result<> Engine::reconcile_running(const BootStatus& boot) {
    auto generations = TRY(ports_.store.generations());
    auto marks = TRY(ports_.store.marks());
    const auto* running = generation_of(generations, marks, boot.running, ports_.layers.shown());
    if (!running) running = generation_in(generations, boot.running);
    if (!running || marks.running == running->id) return {};
    marks.running = running->id;
    return save([&] { return ports_.store.set_marks(marks); },
                {{"mark.moved", fmt::format("running: generation {}", running->id)}});
}

// What was held until the next boot has ended with it; and a boot that could not show the packages
// of the committed generation, or has lost the list of them, has them back.
Result<> Engine::reconcile_layers() {
    const auto boot = TRY(ports_.boot.status());
    const auto marks = TRY(ports_.store.marks());
    const auto generations = TRY(ports_.store.generations());
    const auto* const committed = find_generation(generations, marks.committed);
    if (!committed || committed->slot != boot.committed) return {};
    const auto wanted = layers_of(*committed);
    const auto startup = TRY(ports_.layers.startup(committed->slot));
    const bool known = startup.committed == wanted;
    // A boot that knows them and shows the base alone could not show them.
    const auto shown = ports_.layers.shown();
    const bool here = committed->slot == boot.running && shown != wanted;
    const bool lost = known && here && !startup.trial && shown.empty();
    if (known && !lost) return {};
    ports_.log.warning("boots did not start the committed packages",
                       {{"generation", std::to_string(committed->id)}});
    auto restored = ports_.layers.set_startup(committed->slot, wanted);
    std::string detail;
    if (restored && here) {
        auto switched = switch_to(shown, wanted);
        if (switched)
            detail = *switched;
        else
            restored = std::unexpected(std::move(switched).error());
    }
    if (!restored) {
        const auto text = fmt::format("{} runs without its packages: {}", committed->base.name,
                                      restored.error().text());
        return save(
            [&] {
                return ports_.store.raise_alarm({.name = kPackagesAlarm,
                                                 .severity = Severity::major,
                                                 .text = text,
                                                 .raised = ports_.clock.wall(),
                                                 .operation = 0});
            },
            {{"alarm.raised", kPackagesAlarm}});
    }
    TRY(save([&] { return ports_.store.clear_alarm(kPackagesAlarm, ports_.clock.wall()); },
             {{"packages.restored", detail}}));
    return reconcile_running(boot);
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
        if (kind == StepKind::order_reset && record.begun) return Position::ordering;
        if (kind == StepKind::reboot && record.begun) return Position::rebooting;
        const bool commits = kind == StepKind::commit || kind == StepKind::hold;
        if (commits && record.begun) return Position::committing;
    }
    if (const int switched = index_of(plan, StepKind::switch_view); switched >= 0)
        return record.cursor > switched                    ? Position::on_trial
               : record.cursor == switched && record.begun ? Position::arming
                                                           : Position::before_arming;
    const int arm = index_of(plan, StepKind::arm_trial);
    if (arm < 0 || record.cursor < arm || (record.cursor == arm && !record.begun))
        return Position::before_arming;
    const int reboot = index_of(plan, StepKind::reboot);
    return reboot < 0 || record.cursor <= reboot ? Position::arming : Position::on_trial;
}

Result<Found> Engine::look(const OperationRecord& record, const BootStatus& boot) const {
    const auto& plan = record.plan;
    const bool arms = index_of(plan, StepKind::arm_trial) >= 0;
    const bool switches = index_of(plan, StepKind::switch_view) >= 0;
    Found found;
    found.has_target = arms || switches || index_of(plan, StepKind::commit) >= 0;
    found.in_service = !arms;
    found.rebooted = !record.boot_id.empty() && record.boot_id != ports_.host.boot_id();
    found.reset_ordered = reset_state(ports_.folder) != ResetState::none;
    if (!found.has_target) return found;
    const auto& target = plan.target;
    const auto& kept = plan.startup ? *plan.startup : target;
    const auto startup = TRY(ports_.layers.startup(kept.slot));
    found.running_is_target =
        boot.running == target.slot && ports_.layers.shown() == layers_of(target);
    found.target_confirmed = boot.committed == kept.slot && startup.committed == layers_of(kept);
    found.trial_armed =
        boot.trial == target.slot || (boot.running == target.slot &&
                                      startup.trial == layers_of(target) && startup.tries_left > 0);
    return found;
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
    const auto found = TRY(look(record, boot));
    const bool has_target = found.has_target;
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
    if (found.running_is_target && !found.in_service) record_->on_new_base = true;

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
            if (record_->committed) break;  // the step says so once more, and goes on
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
            auto error = make_error(errors::trial_boot_failed,
                                    fmt::format("{} did not boot", record_->plan.subject));
            error.set_cause(boot_failure_text(ports_.host.boot_failures()));
            record_->on_new_base = true;
            TRY(save({}, std::move(notes)));
            TRY(begin_undo(std::move(error)));
            break;
        }
    }
    return go_on();
}

// Uncommitted generations of packages that no mark points to any more: they were held until the
// boot that has happened.
Result<> Engine::forget_held() {
    const auto boot = TRY(ports_.boot.status());
    const auto marks = TRY(ports_.store.marks());
    for (const auto& generation : TRY(ports_.store.generations())) {
        const bool marked = generation.id == marks.running || generation.id == marks.startup ||
                            generation.id == marks.committed;
        if (!marked && !generation.committed_once && !generation.bad && generation.kept &&
            generation.slot == boot.committed)
            TRY(save([&] { return ports_.store.remove_generation(generation.id); },
                     {{"generation.ended", fmt::format("generation {}", generation.id)}}));
    }
    return {};
}

// Nothing was unfinished; but a startup that was set may have happened, or failed.
Result<Engine::Outcome> Engine::after_boot(const BootStatus& boot) {
    const auto marks = TRY(ports_.store.marks());
    const auto generations = TRY(ports_.store.generations());
    const auto* const startup = find_generation(generations, marks.startup);
    if (!startup || marks.startup == marks.committed) return Outcome::idle;
    const bool here = startup->slot == boot.running;
    if (here && boot.trial == boot.running) return try_startup(*startup, true);
    const auto layers = TRY(ports_.layers.startup(boot.running));
    const bool layers_trial = here && layers.trial == layers_of(*startup);
    if (layers_trial && ports_.layers.shown() == layers_of(*startup))
        return try_startup(*startup, true);
    if (marks.startup == marks.running) return Outcome::idle;
    const bool armed = boot.trial == startup->slot || (layers_trial && layers.tries_left > 0);
    if (!armed) return try_startup(*startup, false);
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
    operation_begun_ = ports_.clock.steady();
    OperationRecord record;
    record.plan = plan_of_startup(input, target);
    record.cursor = index_of(record.plan, StepKind::reboot) + 1;
    record.on_new_base = true;
    auto& operation = record.operation;
    operation.id = TRY(ports_.store.last_operation()) + 1;
    operation.title = record.plan.title;
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
        auto error = make_error(errors::trial_boot_failed,
                                fmt::format("{} did not boot", record_->plan.subject));
        error.set_cause(boot_failure_text(ports_.host.boot_failures()));
        TRY(begin_undo(std::move(error)));
    }
    return go_on();
}

}  // namespace cutover
