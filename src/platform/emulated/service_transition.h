#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "model/service_change.h"
#include "platform/emulated/service_list.h"
#include "platform/emulated/supervised_service.h"

namespace cutover {

// One action on the way to another view, carried out between whatever else happens to the services:
// nothing here waits. Belongs to the supervisor's thread.
class ServiceTransition {
public:
    ServiceTransition(ServiceAction action, ServiceList& list)
        : action_(std::move(action)), list_(list) {}

    // Goes on as far as it can: its outcome (service.change_failed), or nothing while it lasts.
    std::optional<Result<>> advance(SteadyTime now);
    // Ends it where it is, so that another change may follow.
    void give_up(SteadyTime now);
    std::optional<SteadyTime> next_time() const;  // when advance() has something to do

private:
    using Outcome = std::optional<Result<>>;
    enum class Step : std::uint8_t { first, ending, coming_up, asked };

    Outcome start(SteadyTime now);
    Outcome stop(SteadyTime now);
    Outcome restart(SteadyTime now);
    Outcome restart_with_sockets(SteadyTime now);
    Outcome reload_or_hook(SteadyTime now);

    void replace(SteadyTime now);
    Outcome come_up(SteadyTime now);
    Outcome propose(SteadyTime now);
    Outcome ask(SupervisedService& service, SteadyTime now);
    Outcome await_answer(SupervisedService& service, SteadyTime now);
    Outcome failure(const std::string& why) const;
    Outcome give_back(SupervisedService& service, const std::string& why);
    const std::string& name() const { return action_.service.spec.name; }

    ServiceAction action_;
    ServiceList& list_;
    Step step_ = Step::first;
    PlannedService previous_;  // of a reload or a hook
    int starts_ = 0;           // of the process that was asked
    SteadyTime still_runs_at_{};
};

}  // namespace cutover
