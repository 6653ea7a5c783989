#include "platform/emulated/emulated_services.h"

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/device.h"
#include "model/service_change.h"
#include "platform/emulated/supervisor.h"

namespace cutover {

std::vector<ServiceStatus> EmulatedServices::status() const {
    const std::scoped_lock lock(mutex_);
    return supervisor_ ? supervisor_->status() : failed_;
}

std::string EmulatedServices::starting() const {
    const std::scoped_lock lock(mutex_);
    return supervisor_ ? supervisor_->starting() : std::string();
}

Result<> EmulatedServices::start(const std::vector<PlannedService>& services, ServicePlace place,
                                 std::stop_token stop) {
    this->stop();
    auto supervisor = std::make_unique<Supervisor>(services, std::move(place), options_, log_);
    auto& started = *supervisor;
    {
        const std::scoped_lock lock(mutex_);
        supervisor_ = std::move(supervisor);
        failed_.clear();
    }
    return started.start(std::move(stop));
}

Result<> EmulatedServices::change(const std::vector<ServiceAction>& actions, std::stop_token stop) {
    const std::scoped_lock changing(changing_);
    Supervisor* supervisor = nullptr;
    {
        const std::scoped_lock lock(mutex_);
        supervisor = supervisor_.get();
    }
    if (supervisor != nullptr) return supervisor->change(actions, std::move(stop));
    if (actions.empty()) return {};
    return fail(Errc::conflict, "no services are run that could be changed");
}

void EmulatedServices::stop() {
    Supervisor* running = nullptr;
    {
        const std::scoped_lock lock(mutex_);
        running = supervisor_.get();
    }
    if (running != nullptr) running->stop();  // and a change returns
    const std::scoped_lock lock(changing_, mutex_);
    supervisor_.reset();
}

void EmulatedServices::show_failed(const std::vector<PlannedService>& services,
                                   const std::string& why) {
    const std::scoped_lock lock(mutex_);
    failed_.clear();
    for (const auto& service : services)
        failed_.push_back(
            {.name = service.spec.name, .state = "failed", .restarts = 0, .detail = why});
}

}  // namespace cutover
