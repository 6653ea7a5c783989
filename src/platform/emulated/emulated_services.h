#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "model/device.h"
#include "model/service_change.h"
#include "platform/emulated/supervisor.h"
#include "platform/services.h"

namespace cutover {

// The services of whatever slot runs: a Supervisor for each boot. status() and change() may be
// called from any thread; the rest belongs to the one that boots.
class EmulatedServices final : public Services {
public:
    EmulatedServices(SupervisorOptions options, Log& log) : options_(options), log_(log) {}

    std::vector<ServiceStatus> status() const override;
    std::string starting() const override;

    Result<> change(const std::vector<ServiceAction>& actions, std::stop_token stop) override;

    Result<> start(const std::vector<PlannedService>& services, ServicePlace place,
                   std::stop_token stop);
    void stop();  // ends a change that is under way

    // For a base that cannot be started at all: its services, as failed.
    void show_failed(const std::vector<PlannedService>& services, const std::string& why);

private:
    SupervisorOptions options_;
    Log& log_;
    std::mutex changing_;       // held during a change; taken before mutex_
    mutable std::mutex mutex_;  // guards what follows
    std::unique_ptr<Supervisor> supervisor_;
    std::vector<ServiceStatus> failed_;
};

}  // namespace cutover
