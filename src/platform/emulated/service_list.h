#pragma once

#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <poll.h>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "model/device.h"
#include "model/service_change.h"
#include "platform/emulated/service_log.h"
#include "platform/emulated/supervised_service.h"
#include "platform/emulated/supervisor.h"

namespace cutover {

// The services of one boot in the order of their start; besides, while a change goes on, a
// candidate that is to take the place of one of them, and former ones that have been asked to end.
// Belongs to the supervisor's thread.
class ServiceList {
public:
    ServiceList(ServicePlace place, SupervisorOptions options, Log& log)
        : place_(std::move(place)), options_(options), log_(log) {}

    SupervisedService make(PlannedService plan);
    std::list<SupervisedService>& services() { return services_; }
    const std::list<SupervisedService>& services() const { return services_; }
    SupervisedService* find(const std::string& name);

    // Puts it where the one of its name is, or last. That one is asked to end, and killed when
    // `patience` is over; it no longer holds its sockets open.
    void put(SupervisedService service, SteadyTime now, std::chrono::milliseconds patience);
    // Asks the one of this name to end, and takes it off the list.
    void retire(const std::string& name, SteadyTime now, std::chrono::milliseconds patience);
    bool has_former(const std::string& name) const;
    void hasten_former(const std::string& name, SteadyTime kill_at);

    SupervisedService* candidate() { return candidate_ ? &*candidate_ : nullptr; }
    SupervisedService& set_candidate(SupervisedService candidate);
    void adopt_candidate(SteadyTime now);  // the old one may drain
    void drop_candidate(SteadyTime now);

    void add_events(std::vector<pollfd>& events) const;
    void serve(SteadyTime now);
    void on_time(SteadyTime now);
    std::optional<SteadyTime> next_time() const;
    void terminate(int signal);  // all of them
    bool has_processes() const;
    std::vector<ServiceStatus> status(SteadyTime now) const;
    const SupervisorOptions& options() const { return options_; }

private:
    struct Former {
        SupervisedService service;
        SteadyTime kill_at;
    };
    void add_former(SupervisedService service, SteadyTime kill_at);
    template <typename Do>
    void for_each(Do act);

    const ServicePlace place_;
    const SupervisorOptions options_;
    Log& log_;
    std::map<std::string, ServiceLog> logs_;
    // Lists: a service refers to place_ and options_, and is not assigned.
    std::list<SupervisedService> services_;
    std::optional<SupervisedService> candidate_;
    std::list<Former> formers_;
};

}  // namespace cutover
