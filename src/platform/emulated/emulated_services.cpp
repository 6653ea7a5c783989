#include "platform/emulated/emulated_services.h"

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/device.h"
#include "model/manifest.h"
#include "platform/emulated/supervisor.h"

namespace cutover {

std::vector<ServiceStatus> EmulatedServices::status() const {
    const std::scoped_lock lock(mutex_);
    return supervisor_ ? supervisor_->status() : failed_;
}

Result<> EmulatedServices::start(const std::vector<ServiceSpec>& services, ServicePlace place,
                                 std::stop_token stop) {
    auto supervisor = std::make_unique<Supervisor>(services, std::move(place), options_, log_);
    auto& started = *supervisor;
    {
        const std::scoped_lock lock(mutex_);
        supervisor_ = std::move(supervisor);
        failed_.clear();
    }
    return started.start(std::move(stop));
}

void EmulatedServices::stop() {
    std::unique_ptr<Supervisor> ending;
    {
        const std::scoped_lock lock(mutex_);
        ending = std::move(supervisor_);
    }
}

void EmulatedServices::show_failed(const std::vector<ServiceSpec>& services,
                                   const std::string& why) {
    const std::scoped_lock lock(mutex_);
    failed_.clear();
    for (const auto& service : services)
        failed_.push_back({.name = service.name, .state = "failed", .restarts = 0, .detail = why});
}

}  // namespace cutover
