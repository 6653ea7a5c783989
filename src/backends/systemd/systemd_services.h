#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/device.h"
#include "model/service_change.h"
#include "platform/services.h"

namespace cutover {

// The services of the running base as systemd's units: the service `web` is `web.service`. The last
// row, `system`, is systemd's own word: it has started, and no unit has failed.
//
// Asks anew each time, within a few seconds; when systemd does not answer, all of them have failed.
class SystemdServices final : public Services {
public:
    struct Options {
        std::vector<std::string> services;   // of the running base's manifest
        std::vector<std::string> tolerated;  // units that may have failed
        std::string bus;                     // an address; empty: the system bus
        // Of hooks: where their programs are found, and what is in their environment.
        std::filesystem::path root = "/";
        std::map<std::string, std::string> environment;
        // A service that was sent a signal must still run after this time.
        std::chrono::milliseconds grace{300};
    };
    explicit SystemdServices(Options options)
        : options_(std::move(options)), services_(options_.services) {}

    std::vector<ServiceStatus> status() const override;

    // The service's unit is started, stopped, restarted or reloaded, and its job waited for.
    Result<> change(const std::vector<ServiceAction>& actions, std::stop_token stop) override;

private:
    std::vector<std::string> known() const;
    void remember(const ServiceAction& action);
    void forget(const std::string& service);

    const Options options_;
    mutable std::mutex mutex_;           // guards what follows
    std::vector<std::string> services_;  // with a row each
};

// Asks logind, or else systemd itself, for an orderly restart of the machine. Returns when it has
// begun.
Result<> ask_for_restart(const std::string& bus);

}  // namespace cutover
