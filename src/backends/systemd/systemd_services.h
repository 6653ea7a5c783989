#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/device.h"
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
    };
    explicit SystemdServices(Options options) : options_(std::move(options)) {}

    std::vector<ServiceStatus> status() const override;

private:
    Options options_;
};

// Asks logind, or else systemd itself, for an orderly restart of the machine. Returns when it has
// begun.
Result<> ask_for_restart(const std::string& bus);

}  // namespace cutover
