// How a FakeDevice's operations go. All of it runs with the device's lock held.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/counted.h"
#include "base/error.h"
#include "model/device.h"
#include "model/event.h"
#include "model/fake_device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kImageBytes = 578'000'000;

PackageRef package(PackageKind kind, std::string_view name, std::string_view version) {
    return {.kind = kind,
            .name = std::string(name),
            .version = Version::parse(version).value_or(Version()),
            .digest = std::string(64, 'b')};
}

// "/tmp/nos-1.2.0.cc" holds nos 1.2.0.
PackageRef package_in(const Request& request) {
    auto text = request.sources.empty() ? std::string("nos-1.0.0.cc") : request.sources.front();
    text = text.substr(text.rfind('/') + 1);
    text = text.substr(0, text.rfind('.'));
    const auto dash = text.rfind('-');
    return package(PackageKind::base, text.substr(0, dash), text.substr(dash + 1));
}

Error trial_failed() {
    return {.kind = Errc::refused,
            .id = "trial.check_failed",
            .message = "nos 1.2.0 did not pass its checks; the device is back on nos 1.1.0",
            .cause = "check \"web answers\" from package nos 1.2.0: connection refused",
            .remedy = "cutover show operation 14 --log; slot A keeps 1.2.0, marked bad"};
}

Error install_failed() {
    return {.kind = Errc::no_space,
            .id = "slot.no_space",
            .message = "write slot A: No space left on device; slot A is empty again",
            .cause = "/data: No space left on device",
            .remedy = "Free 34 MB on /data and try again."};
}

bool reboots(const Request& request) {
    using enum OperationKind;
    const bool moves = request.kind == upgrade || request.kind == activate ||
                       request.kind == revert || request.kind == rollback;
    return request.kind == reboot || (moves && request.mode != Mode::next_startup);
}

}  // namespace

Result<> FakeDevice::may_start(const Request& request) const {
    const auto& last = operations_.back();
    const bool answers =
        last.state == OperationState::awaiting_commit &&
        (request.kind == OperationKind::commit || request.kind == OperationKind::rollback);
    if (answers) return {};
    if (!is_over(last.state)) return fail(Errc::conflict, "operation {} is at work", last.id);
    const auto& standby = state_.slots.at(std::to_underlying(other(state_.active_slot)));
    if (request.kind == OperationKind::revert && !standby.committed_once)
        return fail(Errc::refused, "slot {} was never committed", to_string(standby.slot));
    const auto known = std::ranges::find(state_.generations, request.generation, &Generation::id);
    if (request.generation != 0 && known == state_.generations.end())
        return fail(Errc::not_found, "no generation {}", request.generation);
    if (!request.plan_hash.empty() && request.plan_hash != plan(request).plan_hash)
        return fail(Errc::refused, "the plan is not {} any more", request.plan_hash);
    return {};
}

Preview FakeDevice::plan(const Request& request) const {
    const auto wanted = package_in(request);
    const auto& now = state_.generations.back().base;
    Preview preview;
    preview.title = request.sources.empty()
                        ? std::string(to_string(request.kind))
                        : fmt::format("{} base {} {} -> {}", to_string(request.kind), wanted.name,
                                      now.version.text(), wanted.version.text());
    preview.plan_hash = "7f3c9a12";
    preview.checks = {
        {.name = "space", .verdict = CheckVerdict::ok, .detail = "needs 612 MB, has 4.1 GB"},
        {.name = "hardware", .verdict = CheckVerdict::ok, .detail = "emulated"},
        {.name = "packages",
         .verdict = CheckVerdict::warning,
         .detail = "acl 2.0 does not support nos 1.2.0\nacl 2.1 does and is at hand"}};
    for (auto& check : preview.checks)
        if (std::ranges::find(request.force, check.name) != request.force.end())
            check.verdict = CheckVerdict::skipped;
    preview.steps = {{.stage = Stage::install,
                      .order = 50,
                      .name = "write-slot",
                      .description = "write slot A, 578 MB, 61 MB to fetch"},
                     {.stage = Stage::postexecute,
                      .order = 50,
                      .name = "activate",
                      .description = "reboot into slot A on trial; 2 checks; commit"}};
    if (reboots(request)) preview.interrupts = "about 9 s (last three reboots)";
    if (refusal_) {
        preview.checks.push_back({.name = "direct-upgrade",
                                  .verdict = CheckVerdict::refused,
                                  .detail = refusal_->message,
                                  .error = refusal_});
        preview.error = refusal_;
    }
    return preview;
}

// Commit or rollback, while an operation waits for that.
void FakeDevice::answer(const Request& request) {
    if (request.kind == OperationKind::commit) {
        script_.emplace_back([this] { commit_running(); });
        script_end(OperationState::done);
    } else {
        at_work().state = OperationState::undoing;
        script_.emplace_back([this] { reboot_into(state_.marks.committed); });
        script_end(OperationState::cancelled);
    }
    say("operation.answered", to_string(request.kind), at_work().id);
}

void FakeDevice::write_script(const Request& request) {
    stage(Stage::init, milliseconds(0), {});
    if (refusal_) {
        script_.emplace_back([this] { at_work().error = refusal_; });
        script_end(OperationState::refused);
        return;
    }
    stage(Stage::prep, milliseconds(600), counted(at_work().checks.size(), "check"));
    switch (request.kind) {
        case OperationKind::install: script_install(request); break;
        case OperationKind::upgrade:
            script_install(request);
            if (story_ != Story::fails_to_install) script_reboot(request);
            break;
        case OperationKind::activate:
        case OperationKind::revert:
        case OperationKind::rollback:
        case OperationKind::reset:
        case OperationKind::restore:
        case OperationKind::reboot: script_reboot(request); break;
        case OperationKind::commit:
        case OperationKind::repair:
        case OperationKind::uninstall:
        case OperationKind::fetch:
        case OperationKind::discard:
        case OperationKind::deactivate:
        case OperationKind::select:
        case OperationKind::deselect:
        case OperationKind::reload: break;
    }
    const bool failed = story_ == Story::fails_to_install && !request.sources.empty();
    if (!failed && story_ != Story::fails_its_trial && request.trial.count() == 0)
        script_end(OperationState::done);
}

void FakeDevice::script_install(const Request& request) {
    script_.emplace_back([this] { begin_stage(Stage::install); });
    for (const std::uint64_t percent : {0U, 34U, 68U})
        script_.emplace_back([this, percent] { progress(kImageBytes * percent / 100); });
    if (story_ == Story::fails_to_install) {
        script_.emplace_back([this] {
            at_work().error = install_failed();
            end_stage(Stage::install, StageState::failed, milliseconds(700), "slot A, undone");
        });
        script_end(OperationState::failed);
        return;
    }
    script_.emplace_back([this, base = package_in(request)] {
        progress(kImageBytes);
        auto& slot = state_.slots.at(std::to_underlying(other(state_.active_slot)));
        slot = {.slot = slot.slot,
                .state = SlotState::installed,
                .holds = base,
                .committed_once = false};
        for (auto& generation : state_.generations)
            if (generation.slot == slot.slot) generation.kept = false;
        end_stage(Stage::install, StageState::done, milliseconds(1130),
                  fmt::format("slot {}, 578 MB", to_string(slot.slot)));
    });
}

// The generation that an operation is to end in; a new one for what is installed.
GenerationId FakeDevice::target_of(const Request& request) {
    if (request.kind == OperationKind::reboot) return state_.marks.startup;
    if (request.kind == OperationKind::rollback && request.generation != 0)
        return request.generation;
    const auto standby = other(state_.active_slot);
    const auto in_standby = [standby](const Generation& it) {
        return it.slot == standby && it.kept;
    };
    const auto found = std::ranges::find_if(state_.generations, in_standby);
    if (found != state_.generations.end()) return found->id;
    const auto id = state_.generations.back().id + 1;
    const auto& holds = state_.slots.at(std::to_underlying(standby)).holds;
    state_.generations.push_back({.id = id,
                                  .base = holds.value_or(PackageRef{}),
                                  .slot = standby,
                                  .packages = {},
                                  .created = now_});
    return id;
}

void FakeDevice::script_reboot(const Request& request) {
    script_.emplace_back([this] { begin_stage(Stage::postexecute); });
    if (request.mode == Mode::next_startup) {
        script_.emplace_back([this, request] {
            state_.marks.startup = target_of(request);
            end_stage(Stage::postexecute, StageState::done, milliseconds(20),
                      "takes effect at the next reboot");
        });
        return;
    }
    script_.emplace_back([this, request] {
        at_work().to = target_of(request);
        reboot_into(at_work().to);
        if (request.kind != OperationKind::reboot) at_work().state = OperationState::on_trial;
    });
    if (story_ == Story::fails_its_trial) {
        script_fallback();
        return;
    }
    script_.emplace_back([this, trial = request.trial] {
        end_stage(Stage::postexecute, StageState::done, milliseconds(11'400),
                  fmt::format("slot {}, trial 1 of 2", to_string(state_.active_slot)));
        if (trial.count() > 0) {
            at_work().state = OperationState::awaiting_commit;
            at_work().commit_deadline = now_ + trial;
            say("operation.awaiting_commit", "the checks passed", at_work().id);
            return;
        }
        commit_running();
    });
}

void FakeDevice::commit_running() {
    state_.marks.startup = state_.marks.running;
    state_.marks.committed = state_.marks.running;
    state_.slots.at(std::to_underlying(state_.active_slot)).committed_once = true;
    for (auto& generation : state_.generations)
        if (generation.id == state_.marks.running) generation.committed_once = true;
}

void FakeDevice::script_fallback() {
    script_.emplace_back([this] {
        at_work().state = OperationState::undoing;
        at_work().error = trial_failed();
        end_stage(Stage::postexecute, StageState::failed, milliseconds(11'400),
                  "check \"web answers\" failed: GET http://127.0.0.1:8080/ refused");
    });
    script_.emplace_back([this] {
        auto& slot = state_.slots.at(std::to_underlying(state_.active_slot));
        slot.state = SlotState::bad;
        state_.generations.back().bad = true;
        reboot_into(state_.marks.committed);
        state_.alarms.push_back({.name = "upgrade-failed",
                                 .severity = Severity::major,
                                 .text = "nos 1.2.0 did not pass its checks",
                                 .raised = now_,
                                 .cleared = {},
                                 .operation = at_work().id});
        say("alarm.raised", "upgrade-failed (major)", at_work().id);
    });
    script_end(OperationState::failed);
}

void FakeDevice::script_end(OperationState state) {
    script_.emplace_back([this, state] { finish(state); });
}

void FakeDevice::stage(Stage stage, milliseconds duration, std::string detail, StageState end) {
    script_.emplace_back([this, stage] { begin_stage(stage); });
    script_.emplace_back([this, stage, end, duration, text = std::move(detail)] {
        end_stage(stage, end, duration, text);
    });
}

void FakeDevice::begin_stage(Stage stage) {
    at_work().stage = stage;
    at_work().stages.push_back({.stage = stage, .state = StageState::running});
    say("stage.started", to_string(stage), at_work().id);
}

void FakeDevice::end_stage(Stage stage, StageState end, milliseconds duration,
                           const std::string& detail) {
    at_work().stages.back() = {
        .stage = stage, .state = end, .duration = duration, .detail = detail};
    now_ += duration;
    say("stage.ended", to_string(stage), at_work().id);
}

void FakeDevice::progress(std::uint64_t done) {
    feed_.emplace_back(Progress{.operation = at_work().id,
                                .stage = Stage::install,
                                .step = "write slot A",
                                .done_bytes = done,
                                .total_bytes = kImageBytes,
                                .bytes_per_second = 512'000'000});
    changed_.notify_all();
}

void FakeDevice::reboot_into(GenerationId generation) {
    const auto found = std::ranges::find(state_.generations, generation, &Generation::id);
    if (found != state_.generations.end()) state_.active_slot = found->slot;
    state_.marks.running = generation;
    say("device.rebooting", fmt::format("into slot {}", to_string(state_.active_slot)),
        at_work().id);
    ++at_work().reboots;
    at_work().interruption += milliseconds(9'200);
    now_ += milliseconds(9'200);
    if (!breaks_connections_) return;
    ++connection_;
    away_for_ = failed_attempts_;
}

void FakeDevice::finish(OperationState state) {
    at_work().state = state;
    at_work().ended = now_;
    say("operation.ended", to_string(state), at_work().id);
}

void FakeDevice::say(std::string_view type, std::string_view text, OperationId operation) {
    feed_.emplace_back(Event{.sequence = ++state_.last_event,
                             .time = now_,
                             .type = std::string(type),
                             .operation = operation,
                             .text = std::string(text)});
    changed_.notify_all();
}

bool FakeDevice::play_one_beat() {
    if (script_.empty() || beats_allowed_ <= 0) return false;
    --beats_allowed_;
    const auto beat = std::move(script_.front());
    script_.pop_front();
    beat();
    return true;
}

}  // namespace cutover
