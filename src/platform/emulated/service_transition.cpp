#include "platform/emulated/service_transition.h"

#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/service_change.h"
#include "platform/emulated/service_list.h"
#include "platform/emulated/service_sockets.h"
#include "platform/emulated/supervised_service.h"
#include "platform/errors.h"

namespace cutover {
namespace {

using Phase = SupervisedService::Phase;
using Attempts = SupervisedService::Attempts;

bool lives(const SupervisedService& service) {
    switch (service.phase()) {
        case Phase::starting:
        case Phase::hooking:
        case Phase::running:
        case Phase::waiting:
        case Phase::ended: return !service.stopping();
        case Phase::idle:
        case Phase::failed:
        case Phase::stopped: return false;
    }
    std::unreachable();
}

// Whoever brings it, it would run the same way.
bool runs_as(const SupervisedService& service, const PlannedService& plan) {
    return lives(service) && service.plan().spec == plan.spec &&
           service.plan().after_start == plan.after_start;
}

bool is_up(const SupervisedService& service) {
    return service.phase() == Phase::running || service.phase() == Phase::ended;
}

}  // namespace

std::optional<Result<>> ServiceTransition::advance(SteadyTime now) {
    switch (action_.kind) {
        case ServiceActionKind::start: return start(now);
        case ServiceActionKind::stop: return stop(now);
        case ServiceActionKind::restart: return restart(now);
        case ServiceActionKind::restart_with_sockets: return restart_with_sockets(now);
        case ServiceActionKind::reload:
        case ServiceActionKind::hook:
        case ServiceActionKind::unhook: return reload_or_hook(now);
    }
    std::unreachable();
}

ServiceTransition::Outcome ServiceTransition::start(SteadyTime now) {
    if (step_ == Step::first) {
        auto* const here = list_.find(name());
        if (here != nullptr && runs_as(*here, action_.service)) {
            here->set_plan(action_.service);
            step_ = Step::coming_up;
        } else {
            replace(now);
        }
    }
    return come_up(now);
}

ServiceTransition::Outcome ServiceTransition::restart(SteadyTime now) {
    if (step_ == Step::first) replace(now);
    return come_up(now);
}

ServiceTransition::Outcome ServiceTransition::stop(SteadyTime now) {
    if (step_ == Step::first) {
        list_.retire(name(), now, list_.options().stop_timeout);
        list_.hasten_former(name(), now + list_.options().stop_timeout);
        step_ = Step::ending;
    }
    if (list_.has_former(name())) return std::nullopt;
    return Result<>();
}

// The sockets pass from the old to the new while nobody accepts: who connects meanwhile waits.
void ServiceTransition::replace(SteadyTime now) {
    auto next = list_.make(action_.service);
    if (auto* const old = list_.find(name())) next.take_sockets(old->give_sockets());
    list_.put(std::move(next), now, list_.options().stop_timeout);
    list_.hasten_former(name(), now + list_.options().stop_timeout);
    step_ = Step::ending;
}

ServiceTransition::Outcome ServiceTransition::come_up(SteadyTime now) {
    auto* const service = list_.find(name());
    if (service == nullptr) return failure("it is gone");
    if (step_ == Step::ending) {
        if (list_.has_former(name())) return std::nullopt;
        // One attempt: going back is better than trying again what has just failed.
        service->begin(now, Attempts::one);
        step_ = Step::coming_up;
    }
    if (service->failed()) return failure(service->detail());
    if (is_up(*service)) return Result<>();
    return std::nullopt;
}

ServiceTransition::Outcome ServiceTransition::restart_with_sockets(SteadyTime now) {
    if (step_ == Step::first && list_.find(name()) == nullptr) replace(now);
    if (step_ == Step::first) {
        if (auto refused = propose(now)) return refused;
        step_ = Step::asked;
    }
    if (step_ != Step::asked) return come_up(now);
    const auto* const candidate = list_.candidate();
    if (candidate->failed()) {
        auto outcome = failure(candidate->detail());
        list_.drop_candidate(now);
        return outcome;
    }
    if (!is_up(*candidate)) return std::nullopt;
    list_.adopt_candidate(now);
    return Result<>();
}

ServiceTransition::Outcome ServiceTransition::propose(SteadyTime now) {
    auto copies = copies_of(list_.find(name())->sockets());
    if (!copies) return failure(copies.error().text());
    auto next = list_.make(action_.service);
    next.take_sockets(*std::move(copies));
    list_.set_candidate(std::move(next)).begin(now, Attempts::one);
    return std::nullopt;
}

// A process that starts after the switch takes the change by itself; one that has just started from
// the old view is asked as soon as it is up.
ServiceTransition::Outcome ServiceTransition::reload_or_hook(SteadyTime now) {
    auto* const service = list_.find(name());
    if (service == nullptr) return failure("it does not run");
    if (step_ == Step::coming_up) {
        auto outcome = come_up(now);
        return outcome && !*outcome ? give_back(*service, service->detail()) : outcome;
    }
    if (step_ == Step::asked) return await_answer(*service, now);
    if (!lives(*service)) return failure("it does not run; " + service->detail());
    previous_ = service->plan();
    switch (service->phase()) {
        case Phase::waiting:
            service->set_plan(action_.service);
            step_ = Step::coming_up;
            return std::nullopt;
        case Phase::ended:  // nothing is left that could take it
            service->set_plan(action_.service);
            return Result<>();
        case Phase::running:
            if (service->hook_runs()) return std::nullopt;  // one of before, killed already
            service->set_plan(action_.service);
            step_ = Step::asked;
            return ask(*service, now);
        case Phase::starting:
        case Phase::hooking: return std::nullopt;
        case Phase::idle:
        case Phase::failed:
        case Phase::stopped: break;
    }
    return failure("it does not run");
}

ServiceTransition::Outcome ServiceTransition::ask(SupervisedService& service, SteadyTime now) {
    starts_ = service.starts();
    const auto asked = action_.kind == ServiceActionKind::reload
                           ? service.reload()
                           : service.run_hook(action_.command, now);
    if (!asked) return give_back(service, asked.error().text());
    still_runs_at_ = now + list_.options().grace;
    return std::nullopt;
}

ServiceTransition::Outcome ServiceTransition::await_answer(SupervisedService& service,
                                                           SteadyTime now) {
    const bool reload = action_.kind == ServiceActionKind::reload;
    if (service.phase() != Phase::running || service.starts() != starts_)
        return give_back(service,
                         fmt::format("it ended {}: {}",
                                     reload ? "on signal " + service.plan().spec.reload_signal
                                            : "while its hook ran",
                                     service.detail()));
    if (reload && now < still_runs_at_) return std::nullopt;
    if (reload) return Result<>();
    auto done = service.take_hook_outcome();
    if (done && !*done) return give_back(service, done->error().text());
    return done;
}

ServiceTransition::Outcome ServiceTransition::failure(const std::string& why) const {
    return fail(errors::service_change_failed, "{} service {}: {}", to_string(action_.kind), name(),
                why);
}

// What runs is still what it was.
ServiceTransition::Outcome ServiceTransition::give_back(SupervisedService& service,
                                                        const std::string& why) {
    service.set_plan(std::move(previous_));
    return failure(why);
}

void ServiceTransition::give_up(SteadyTime now) {
    if (list_.candidate() != nullptr) list_.drop_candidate(now);
    auto* const service = list_.find(name());
    if (service == nullptr || step_ == Step::first) return;
    if (service->phase() == Phase::idle) service->fail_with("its change was stopped");
    if (step_ != Step::asked || action_.kind == ServiceActionKind::restart_with_sockets) return;
    service->drop_hook();
    service->set_plan(std::move(previous_));
}

std::optional<SteadyTime> ServiceTransition::next_time() const {
    if (step_ == Step::asked && action_.kind == ServiceActionKind::reload) return still_runs_at_;
    return std::nullopt;
}

}  // namespace cutover
