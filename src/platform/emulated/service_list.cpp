#include "platform/emulated/service_list.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <poll.h>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "model/device.h"
#include "model/service_change.h"
#include "platform/emulated/supervised_service.h"

namespace cutover {

SupervisedService ServiceList::make(PlannedService plan) {
    const auto& name = plan.spec.name;
    auto& output =
        logs_.try_emplace(name, place_.log / fmt::format("{}.log", name), options_.max_log_bytes)
            .first->second;
    return {std::move(plan), place_, options_, output, log_};
}

SupervisedService* ServiceList::find(const std::string& name) {
    const auto found = std::ranges::find(services_, name, &SupervisedService::name);
    return found == services_.end() ? nullptr : &*found;
}

void ServiceList::put(SupervisedService service, SteadyTime now,
                      std::chrono::milliseconds patience) {
    const auto old = std::ranges::find(services_, service.name(), &SupervisedService::name);
    services_.insert(old, std::move(service));
    if (old == services_.end()) return;
    add_former(std::move(*old), now + patience);
    services_.erase(old);
}

void ServiceList::retire(const std::string& name, SteadyTime now,
                         std::chrono::milliseconds patience) {
    const auto old = std::ranges::find(services_, name, &SupervisedService::name);
    if (old == services_.end()) return;
    add_former(std::move(*old), now + patience);
    services_.erase(old);
}

void ServiceList::add_former(SupervisedService service, SteadyTime kill_at) {
    (void)service.give_sockets();
    service.terminate(SIGTERM);
    if (!service.has_process()) return;
    formers_.push_back({.service = std::move(service), .kill_at = kill_at});
}

bool ServiceList::has_former(const std::string& name) const {
    return std::ranges::any_of(formers_,
                               [&](const Former& former) { return former.service.name() == name; });
}

void ServiceList::hasten_former(const std::string& name, SteadyTime kill_at) {
    for (auto& former : formers_)
        if (former.service.name() == name) former.kill_at = std::min(former.kill_at, kill_at);
}

SupervisedService& ServiceList::set_candidate(SupervisedService candidate) {
    return candidate_.emplace(std::move(candidate));
}

void ServiceList::adopt_candidate(SteadyTime now) {
    if (!candidate_) return;
    put(*std::move(candidate_), now, options_.drain_timeout);
    candidate_.reset();
}

void ServiceList::drop_candidate(SteadyTime now) {
    if (!candidate_) return;
    add_former(*std::move(candidate_), now);
    candidate_.reset();
}

template <typename Do>
void ServiceList::for_each(Do act) {
    for (auto& service : services_) act(service);
    if (candidate_) act(*candidate_);
    for (auto& former : formers_) act(former.service);
}

void ServiceList::add_events(std::vector<pollfd>& events) const {
    for (const auto& service : services_) service.add_events(events);
    if (candidate_) candidate_->add_events(events);
    for (const auto& former : formers_) former.service.add_events(events);
}

void ServiceList::serve(SteadyTime now) {
    for_each([now](SupervisedService& service) { service.serve(now); });
    std::erase_if(formers_, [](const Former& former) { return !former.service.has_process(); });
}

void ServiceList::on_time(SteadyTime now) {
    for_each([now](SupervisedService& service) { service.on_time(now); });
    for (auto& former : formers_) {
        if (now < former.kill_at) continue;
        former.service.terminate(SIGKILL);
        former.kill_at = SteadyTime::max();
    }
}

std::optional<SteadyTime> ServiceList::next_time() const {
    std::optional<SteadyTime> next;
    const auto at = [&next](std::optional<SteadyTime> time) {
        if (time) next = next ? std::min(*next, *time) : *time;
    };
    for (const auto& service : services_) at(service.next_time());
    if (candidate_) at(candidate_->next_time());
    for (const auto& former : formers_) {
        at(former.service.next_time());
        at(former.kill_at);
    }
    return next;
}

void ServiceList::terminate(int signal) {
    for_each([signal](SupervisedService& service) { service.terminate(signal); });
}

bool ServiceList::has_processes() const {
    return std::ranges::any_of(services_, &SupervisedService::has_process) ||
           (candidate_ && candidate_->has_process()) || !formers_.empty();
}

std::vector<ServiceStatus> ServiceList::status(SteadyTime now) const {
    std::vector<ServiceStatus> rows;
    rows.reserve(services_.size());
    for (const auto& service : services_) rows.push_back(service.status(now));
    return rows;
}

}  // namespace cutover
