// Before an operation changes the base or the YANG modules, work on the configuration comes to an
// end: waiting for it is all that happens, so a cut leaves nothing to undo.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/checks.h"
#include "engine/config_work.h"
#include "engine/engine.h"
#include "engine/errors.h"
#include "model/configuration.h"
#include "model/operation.h"
#include "model/plan.h"
#include "platform/config_data.h"

namespace cutover {
namespace {

constexpr std::chrono::milliseconds kPoll{200};
constexpr std::chrono::seconds kTellEvery{2};  // who has not taken it

bool has(const Plan& plan, StepKind kind) {
    return std::ranges::find(plan.steps, kind, &Step::kind) != plan.steps.end();
}

std::optional<std::ptrdiff_t> index_of(const Plan& plan, StepKind kind) {
    const auto found = std::ranges::find(plan.steps, kind, &Step::kind);
    if (found == plan.steps.end()) return std::nullopt;
    return std::distance(plan.steps.begin(), found);
}

std::string at_work(const Operation& operation) {
    return fmt::format("operation {} ({}) is at work", operation.id, operation.title);
}

}  // namespace

bool concerns_configuration(const Plan& plan) {
    return has(plan, StepKind::upgrade_config) ||
           (has(plan, StepKind::arm_trial) && has(plan, StepKind::reboot));
}

std::vector<std::string> open_trials(const ConfigStatus& status) {
    if (!status.trial) return {};
    return {fmt::format("revision {} of {} is on trial until {}", status.trial->revision,
                        status.trial->by, to_iso8601(status.trial->deadline))};
}

std::vector<std::string> untold_services(const ConfigStatus& status) {
    std::vector<std::string> result;
    result.reserve(status.waiting.size() + status.behind.size());
    for (const auto& service : status.waiting)
        result.push_back(
            fmt::format("{} is still to be told of revision {}", service, status.running));
    for (const auto& service : status.behind)
        result.push_back(
            fmt::format("revision {} is not taken yet by {}", status.running, service));
    return result;
}

bool asks_config_work(const CheckContext& context) {
    return context.ports.configuration && concerns_configuration(context.plan) &&
           context.ports.configuration->status();
}

// In a preview, for an operation has waited by then.
CheckResult check_config_work(const CheckContext& context) {
    const auto status = context.ports.configuration->status();
    if (!status) return {.detail = "there is none"};
    const auto& request = context.input.request;
    auto open = open_trials(*status);
    if (request.wait_for_services)
        std::ranges::move(untold_services(*status), std::back_inserter(open));
    std::string kept;
    for (const auto& candidate : status->candidates)
        kept += fmt::format("{}{}", kept.empty() ? "" : ", ", candidate.session);
    if (!kept.empty()) kept = fmt::format("; kept: the changes of {}", kept);
    if (open.empty()) return {.detail = fmt::format("nothing is open{}", kept)};
    return {.verdict = CheckVerdict::warning,
            .detail = fmt::format("{}; waits up to {}, then {}{}", fmt::join(open, "; "),
                                  human_duration(request.max_wait),
                                  request.end_config_work ? "ends it" : "gives up", kept)};
}

// Until nothing is open any more, or the time is up.
Result<> Engine::await_work(SteadyTime begun,
                            const std::function<Result<std::vector<std::string>>()>& open) {
    auto& operation = record_->operation;
    std::string told;
    for (;;) {
        alive();
        const auto work = TRY(open());
        const auto waited = ports_.clock.steady() - begun;
        if (work.empty()) break;
        const auto text = fmt::format("{}", fmt::join(work, "; "));
        if (waited >= operation.request.max_wait) {
            if (operation.request.end_config_work) break;
            return fail(errors::operation_config_open, "{}; waited {}", text,
                        human_duration(operation.request.max_wait));
        }
        if (text != told) {
            say(fmt::format("waiting: {}", text));
            TRY(save({}, {{"configuration.awaited", text}}));
            told = text;
        }
        ports_.observer.on_progress({.operation = operation.id,
                                     .stage = operation.stage,
                                     .step = fmt::format("waiting: {}", text)});
        if (!ports_.clock.sleep(kPoll, stop_))
            return fail(errors::operation_cancelled, "{} was cancelled", operation.title);
    }
    return {};
}

// First what is on trial, which only a person can confirm, and no other comes after it; then
// services, while nothing at all is accepted.
Result<> Engine::await_configuration() {
    const auto& request = record_->operation.request;
    if (!ports_.configuration || !concerns_configuration(record_->plan)) return {};
    auto& configuration = *ports_.configuration;
    if (!configuration.status()) return {};  // there is none; a check says what is wrong with it
    const auto begun = ports_.clock.steady();
    configuration.refuse_trials(at_work(record_->operation));
    TRY(await_work(begun, [&]() -> Result<std::vector<std::string>> {
        return open_trials(TRY(configuration.status()));
    }));
    const auto still = TRY(configuration.status());
    if (still.trial) {
        const auto text = fmt::format("revision {} of {} was not confirmed, and is taken back",
                                      still.trial->revision, still.trial->by);
        say(text);
        record_->operation.warnings.push_back(text);
        TRY(configuration.end_trial(fmt::format("operation {}", record_->operation.id)));
    }
    if (request.wait_for_services) {
        configuration.make_read_only(at_work(record_->operation));
        auto next = begun;  // when they are told, in this thread
        TRY(await_work(begun, [&]() -> Result<std::vector<std::string>> {
            if (ports_.clock.steady() >= next) {
                look_at_config_changes([this] { return stop_.stop_requested(); });
                next = ports_.clock.steady() + kTellEvery;
            }
            return untold_services(TRY(configuration.status()));
        }));
    }
    operation_begun_ += ports_.clock.steady() - begun;  // it was not the operation that took long
    return {};
}

// From the step that carries it over, or from the beginning where services were waited for, to the
// end of the operation the configuration stays as it is. Until then, or until the boot, no commit
// is taken that is to be confirmed later.
void Engine::hold_configuration() {
    if (!ports_.configuration) return;
    const auto& operation = record_->operation;
    const auto& plan = record_->plan;
    const auto upgrades = index_of(plan, StepKind::upgrade_config);
    const bool concerned = concerns_configuration(plan);
    const bool held = (upgrades && record_->cursor >= *upgrades) ||
                      (concerned && operation.request.wait_for_services);
    const auto reboots = index_of(plan, StepKind::reboot);
    const bool before = concerned && (!reboots || record_->cursor <= *reboots);
    ports_.configuration->make_read_only(held ? at_work(operation) : "");
    ports_.configuration->refuse_trials(before ? at_work(operation) : "");
}

void Engine::free_configuration() {
    if (!ports_.configuration) return;
    ports_.configuration->make_read_only("");
    ports_.configuration->refuse_trials("");
}

}  // namespace cutover
