#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/utf8.h"
#include "engine/checks.h"
#include "engine/errors.h"
#include "engine/health.h"
#include "engine/operation_log.h"
#include "engine/ports.h"
#include "model/event.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/planner.h"
#include "store/store.h"
#include "transfer/source.h"

namespace cutover {
namespace {

constexpr auto kFailedAlarm = "upgrade-failed";
constexpr auto kUndoAlarm = "undo-incomplete";
constexpr std::size_t kAlarmCauseBytes = 160;
constexpr std::chrono::minutes kSlowestStep{1};    // besides scripts, network and disk
constexpr std::uint64_t kSlowestDisk = 1'000'000;  // bytes a second

std::chrono::milliseconds since(SteadyTime begin, SteadyTime now) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - begin);
}

// For an alarm, which is one line: the cause, which may be a program's whole output, is cut.
std::string in_short(const Error& error) {
    auto text = error.message;
    if (!error.general_cause && !error.cause.empty())
        text += ": " + clipped_utf8(error.cause, kAlarmCauseBytes);
    std::string line;
    for (const char c : text) {
        const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        if (!control) line += c;
        if (control && !line.empty() && line.back() != ' ') line += ' ';
    }
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

}  // namespace

Engine::Engine(const Ports& ports)
    : ports_(ports), status_file_(ports.folder / "status"), stop_(stop_source_.get_token()) {
    ports_.present = ports_.host.hardware();
}

Result<> Engine::cancel(OperationId id) {
    const std::lock_guard lock(stop_mutex_);
    if (id == committing_)
        return fail(errors::operation_past_commit, "operation {} is past its commit point", id);
    cancel_wished_ = id;
    if (id == stoppable_) stop_source_.request_stop();
    return {};
}

void Engine::commit(OperationId id) { commit_wished_ = id; }

bool Engine::cancel_wished() const { return record_ && cancel_wished_ == record_->operation.id; }

void Engine::stop() {
    stopping_ = true;
    const std::lock_guard lock(stop_mutex_);
    stop_source_.request_stop();
}

std::stop_token Engine::renew_stop() {
    const std::lock_guard lock(stop_mutex_);
    stop_source_ = std::stop_source();
    const auto id = record_ ? record_->operation.id : 0;
    stoppable_ = record_ && !record_->undoing && !record_->committed ? id : 0;
    committing_ = record_ && record_->committed ? id : 0;
    if (stopping_ || (stoppable_ != 0 && cancel_wished())) stop_source_.request_stop();
    stop_ = stop_source_.get_token();
    return stop_;
}

// From here on a cancel is refused; false when one came before.
bool Engine::reach_commit_point() {
    const std::lock_guard lock(stop_mutex_);
    if (cancel_wished()) return false;
    stoppable_ = 0;
    committing_ = record_->operation.id;
    return true;
}

void Engine::look_at_health() {
    health_ = cutover::look_at_health(ports_, stop_);
    ports_.observer.on_change();
}

Result<Engine::Outcome> Engine::run(OperationId id, const Request& request) {
    alive();
    operation_begun_ = ports_.clock.steady();
    record_ = std::make_unique<OperationRecord>();
    auto& operation = record_->operation;
    operation.id = id;
    operation.title = to_string(request.kind);
    operation.request = request;
    // Operations are shown to everybody who may look; a URL may carry a password.
    for (auto& source : operation.request.sources) source = source_name(source);
    operation.started = ports_.clock.wall();
    operation.from = TRY(ports_.store.marks()).running;
    for (const auto stage : kStages) operation.stages.push_back({.stage = stage});
    renew_stop();
    log_.emplace(ports_.folder, id);
    TRY(save({}, {{"operation.started",
                   fmt::format("{}, asked for by {}", operation.title, request.asked_by)}}));
    TRY(enter_stage(Stage::init));

    auto prepared = prepare(request, stop_);
    if (!prepared) return refuse(std::move(prepared).error());
    operation.title = prepared->plan.title;
    operation.plan_hash = prepared->hash;
    operation.to = prepared->plan.target.id;
    operation.notes = prepared->plan.notes;
    operation.warnings = prepared->plan.warnings;
    record_->plan = prepared->plan;
    say(fmt::format("{}, plan {}", operation.title, operation.plan_hash));
    if (auto allowed = demand_preview(*prepared); !allowed)
        return refuse(std::move(allowed).error());
    // Scripts of `init` run before anything else, but not before the checks.
    if (record_->plan.steps.front().stage != Stage::init) TRY(move_to(Stage::prep));

    if (auto free = await_configuration(); !free) return refuse(std::move(free).error());
    alive();
    auto checks = run_checks(
        {.ports = ports_, .input = prepared->input, .plan = prepared->plan, .stop = stop_});
    if (!checks) return refuse(std::move(checks).error());
    operation.checks = std::move(*checks);
    stage_record(Stage::prep).detail = counted(operation.checks.size(), "check");
    for (const auto& check : operation.checks)
        say(fmt::format("check {}: {} {}", check.name, to_string(check.verdict), check.detail));
    if (const auto* refusal = first_refusal(operation.checks)) return refuse(*refusal);
    TRY(save({}, {{"operation.planned", operation.title}}));
    return go_on();
}

// From the step at the cursor until the operation is over or the device restarts.
Result<Engine::Outcome> Engine::go_on() {
    for (;;) {
        if (stopping_) return Outcome::stopped;
        alive();
        const auto outcome = TRY(record_->undoing ? step_back() : step_forward());
        if (outcome != Outcome::idle) return outcome;
        if (!record_ || is_over(record_->operation.state)) return Outcome::idle;
    }
}

Result<Engine::Outcome> Engine::step_forward() {
    auto& record = *record_;
    const auto index = static_cast<std::size_t>(record.cursor);
    if (index >= record.plan.steps.size()) {
        TRY(finish(OperationState::done));
        return Outcome::idle;
    }
    const auto step = record.plan.steps[index];
    const bool cancelled =
        is_commit_point(step) ? !record.committed && !reach_commit_point() : cancel_wished();
    if (!record.committed && cancelled) {
        TRY(begin_undo(make_error(errors::operation_cancelled,
                                  fmt::format("{} was cancelled", record.operation.title))));
        return Outcome::idle;
    }
    if (!record.committed && past_deadline()) {
        TRY(begin_undo(make_error(errors::operation_timeout,
                                  fmt::format("{} took longer than {}", record.operation.title,
                                              human_duration(ports_.config.operation_timeout)))));
        return Outcome::idle;
    }
    TRY(move_to(step.stage));
    hold_configuration();
    record.begun = true;
    TRY(save([&] {
        return ports_.store.add_journal(record.operation.id, record.cursor,
                                        fmt::format("begin {}", step.name), ports_.clock.wall());
    }));
    say(step.description.empty() ? step.name : step.description);
    fault_point("step.begun");
    auto done = perform(step);
    fault_point("step.performed");
    if (stopping_) return Outcome::stopped;
    if (!done && record.committed) {
        record.operation.warnings.push_back(fmt::format("{}: {}", step.name, done.error().text()));
        say(record.operation.warnings.back());
        done = Done{};
    }
    if (!done) {
        auto error = cancel_wished()
                         ? make_error(errors::operation_cancelled,
                                      fmt::format("{} was cancelled", record.operation.title))
                         : std::move(done).error();
        TRY(begin_undo(std::move(error)));
        return Outcome::idle;
    }
    if (done->reboot) return Outcome::reboot;
    if (!done->detail.empty()) stage_record(step.stage).detail = done->detail;
    TRY(save(
        [&]() -> Result<> {
            if (done->writes) TRY(done->writes());
            record.cursor += 1;
            record.begun = false;
            return ports_.store.add_journal(record.operation.id, record.cursor - 1,
                                            fmt::format("done {}", step.name), ports_.clock.wall());
        },
        std::move(done->notes)));
    fault_point("step.done");
    return Outcome::idle;
}

// Undoes the step at the cursor. What cannot be undone is told by an alarm and does not keep the
// rest from being undone.
Result<Engine::Outcome> Engine::step_back() {
    auto& record = *record_;
    if (record.cursor < 0) {
        TRY(finish(record.cancelled ? OperationState::cancelled : OperationState::failed));
        return Outcome::idle;
    }
    Done done;
    const auto index = static_cast<std::size_t>(record.cursor);
    if (index < record.plan.steps.size()) {
        const auto& step = record.plan.steps[index];
        fault_point("undo.begin");
        auto undone = undo(step);
        fault_point("undo.performed");
        if (undone) {
            done = std::move(*undone);
        } else {
            record.operation.warnings.push_back(
                fmt::format("undo {}: {}", step.name, undone.error().text()));
            say(record.operation.warnings.back());
            done.writes = [this,
                           text = fmt::format("undo {}: {}", step.name, in_short(undone.error()))] {
                return ports_.store.raise_alarm({.name = kUndoAlarm,
                                                 .severity = Severity::major,
                                                 .text = text,
                                                 .raised = ports_.clock.wall(),
                                                 .operation = record_->operation.id});
            };
        }
        if (done.reboot) return Outcome::reboot;
        auto& stage = stage_record(step.stage);
        if (stage.state == StageState::done) stage.state = StageState::undone;
    }
    TRY(save(
        [&]() -> Result<> {
            if (done.writes) TRY(done.writes());
            record.cursor -= 1;
            return ports_.store.add_journal(record.operation.id, record.cursor + 1, "undone",
                                            ports_.clock.wall());
        },
        std::move(done.notes)));
    return Outcome::idle;
}

// Before anything was changed.
Result<Engine::Outcome> Engine::refuse(Error error) {
    if (stopping_) return Outcome::stopped;
    const bool cancelled = cancel_wished();
    if (cancelled)
        error = make_error(errors::operation_cancelled,
                           fmt::format("{} was cancelled", record_->operation.title));
    record_->operation.error = std::move(error);
    TRY(leave_stage(StageState::failed));
    TRY(finish(cancelled ? OperationState::cancelled : OperationState::refused));
    return Outcome::idle;
}

Result<> Engine::begin_undo(Error error) {
    auto& record = *record_;
    record.undoing = true;
    record.cancelled = cancel_wished();
    record.operation.state = OperationState::undoing;
    record.operation.error = std::move(error);
    renew_stop();  // what is undone is not stopped by the wish that caused it
    say(fmt::format("failed: {}", record.operation.error->text()));
    TRY(leave_stage(StageState::failed));
    const bool bad = record.on_new_base && !record.cancelled;
    return save([&]() -> Result<> { return bad ? mark_bad() : Result<>(); },
                {{"operation.undoing", record.operation.error->text()}});
}

// What is known only at the end: the operation's number, and what the device is back on.
Result<> Engine::complete_error(Error& error, OperationState state) {
    constexpr std::string_view kAnyOperation = "operation N";
    if (const auto at = error.remedy.find(kAnyOperation); at != std::string::npos)
        error.remedy.replace(at, kAnyOperation.size(),
                             fmt::format("operation {}", record_->operation.id));
    if (state != OperationState::failed || !record_->on_new_base) return {};
    const auto generations = TRY(ports_.store.generations());
    const auto* const running = find_generation(generations, TRY(ports_.store.marks()).running);
    if (running)
        error.message += fmt::format("; the device is back on {} {}", running->base.name,
                                     running->base.version.text());
    return {};
}

Result<> Engine::finish(OperationState state) {
    auto& record = *record_;
    auto& operation = record.operation;
    if (state == OperationState::done) {
        TRY(move_to(kStages.back()));
        TRY(leave_stage(StageState::done));
    }
    if (operation.error) TRY(complete_error(*operation.error, state));
    const auto now = ports_.clock.wall();
    operation.state = state;
    operation.ended = now;
    operation.commit_deadline.reset();
    const auto workflow = to_string(operation.request.kind);
    const auto how = state == OperationState::done
                         ? fmt::format("{} ended successfully", workflow)
                         : fmt::format("{} {}: {}", workflow, to_string(state),
                                       operation.error ? operation.error->message : "");
    note_status(status_file_.ended(now, workflow, how));
    forget_files();
    const bool failed = state == OperationState::failed;
    const auto why = operation.error ? operation.error->text() : std::string();
    std::vector<Note> notes;
    if (failed) notes.push_back({"alarm.raised", kFailedAlarm});
    notes.push_back(
        {fmt::format("operation.{}", to_string(state)), failed ? why : operation.title});
    TRY(save(
        [&]() -> Result<> {
            if (failed)
                TRY(ports_.store.raise_alarm(
                    {.name = kFailedAlarm,
                     .severity = Severity::major,
                     .text = fmt::format("{}: {}", operation.title, in_short(*operation.error)),
                     .raised = now,
                     .operation = operation.id}));
            // A base that is committed clears it there; a slot that is written again is no less
            // good.
            if (state == OperationState::done && operation.request.kind == OperationKind::install &&
                !record_->plan.source.empty())
                TRY(ports_.store.clear_alarm(kFailedAlarm, now));
            return forget_old_generations();
        },
        std::move(notes)));
    say(how);
    free_configuration();
    TRY(look_at_configuration());  // a factory reset has left none
    if (const auto forgotten = forget_layers(); !forgotten)
        ports_.log.warning("layers cannot be tidied up", {{"error", forgotten.error().text()}});
    ports_.log.info("operation ended", {{"operation", std::to_string(operation.id)},
                                        {"title", operation.title},
                                        {"state", std::string(to_string(state))}});
    record_.reset();
    log_.reset();
    renew_stop();  // a wish that ended the operation does not stop what comes after it
    ports_.observer.on_change();
    return {};
}

// The operation's own folder, and what was written of one that is no longer kept. A file that stays
// is a nuisance, and no reason to hold the operation up.
void Engine::forget_files() {
    const auto id = record_->operation.id;
    const auto forgotten = id - Store::kKeptOperations;
    for (const auto& path : {ports_.folder / "tmp" / fmt::format("operation-{}", id),
                             ports_.folder / "evidence" / std::to_string(forgotten),
                             OperationLog::file(ports_.folder, forgotten)})
        if (const auto removed = remove_tree(path); !removed)
            ports_.log.warning("file cannot be removed", {{"error", removed.error().text()}});
}

// The status file is for people: what cannot be told them stops no operation.
void Engine::note_status(const Result<>& written) {
    if (!written)
        ports_.log.warning("the status file cannot be written",
                           {{"error", written.error().text()}});
}

// One transaction: `writes`, the operation's record, and the events that tell of them.
Result<> Engine::save(const Writes& writes, std::vector<Note> notes) {
    std::vector<Event> events;
    TRY(ports_.store.transact([&]() -> Result<> {
        events.clear();
        if (writes) TRY(writes());
        if (record_) TRY(ports_.store.put_operation(*record_));
        for (const auto& note : notes)
            events.push_back(
                TRY(ports_.store.add_event({.time = ports_.clock.wall(),
                                            .type = note.type,
                                            .operation = record_ ? record_->operation.id : 0,
                                            .text = note.text})));
        return {};
    }));
    for (const auto& event : events) ports_.observer.on_event(event);
    ports_.observer.on_change();
    return {};
}

// Leaves the stage at work and passes through those between, for every operation goes through all.
Result<> Engine::move_to(Stage stage) {
    auto& operation = record_->operation;
    while (operation.stage < stage) {
        TRY(leave_stage(StageState::done));
        TRY(enter_stage(kStages.at(std::to_underlying(operation.stage) + std::size_t{1})));
    }
    return stage_record(stage).state == StageState::running ? Result<>() : enter_stage(stage);
}

Result<> Engine::enter_stage(Stage stage) {
    record_->operation.stage = stage;
    stage_record(stage).state = StageState::running;
    stage_begun_ = ports_.clock.steady();
    note_status(status_file_.entered(ports_.clock.wall(), stage));
    return save({}, {{"stage.started", std::string(to_string(stage))}});
}

Result<> Engine::leave_stage(StageState state) {
    auto& stage = stage_record(record_->operation.stage);
    if (stage.state != StageState::running) return {};
    stage.state = state;
    stage.duration += since(stage_begun_, ports_.clock.steady());
    note_status(status_file_.left(ports_.clock.wall(), stage.stage));
    return save({},
                {{"stage.ended", fmt::format("{}: {}", to_string(stage.stage), to_string(state))}});
}

StageRecord& Engine::stage_record(Stage stage) {
    return record_->operation.stages.at(std::to_underlying(stage));
}

void Engine::say(std::string_view text) {
    if (log_) log_->write(ports_.clock.wall(), text);
}

// Says so to whoever watches, with time for what says nothing in between: a script, the network,
// and a disk that settles what it was given.
void Engine::alive(std::uint64_t bytes_on_their_way) const {
    const auto longest = std::max(ports_.config.script_timeout, ports_.config.transfer_timeout);
    const std::chrono::seconds disk(bytes_on_their_way / kSlowestDisk);
    ports_.observer.on_alive(longest + disk + kSlowestStep);
}

bool Engine::past_deadline() const {
    return since(operation_begun_, ports_.clock.steady()) > ports_.config.operation_timeout;
}

}  // namespace cutover
