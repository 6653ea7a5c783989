#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/ports.h"
#include "model/device.h"
#include "model/manifest.h"

namespace cutover {

struct HealthCheck {
    HealthSpec spec;
    std::string from;  // "package nos 1.1.0", "device.toml"
};

// The checks that the device and its running base ask for.
Result<std::vector<HealthCheck>> health_checks(const Ports& ports);

// Asks each once, and whether every service is up. Never fails: what cannot be asked is unhealthy.
std::vector<HealthStatus> look_at_health(const Ports& ports, const std::stop_token& stop);

// Asks each until it passes, at most `retries` times, all within `deadline`; when a settle time is
// configured, waits that long and asks each once more. The error (trial.check_failed) names the
// check, where it comes from, how often it was asked, and the last answer; `report` gets one line
// for each check that passed.
Result<std::vector<HealthStatus>> demand_health(
    const Ports& ports, std::chrono::milliseconds deadline,
    const std::function<void(const std::string&)>& report, std::stop_token stop);

}  // namespace cutover
