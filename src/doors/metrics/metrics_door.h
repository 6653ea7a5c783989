#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "doors/metrics/device_metrics.h"
#include "model/device.h"
#include "model/device_config.h"

namespace cutover {

// Answers GET /metrics for as long as it lives, in Prometheus' text format. What it tells is at
// most a second old; whoever asks meanwhile gets the same, and asks nothing of the device.
class MetricsDoor {
public:
    struct Options {
        MetricsConfig config;
        std::filesystem::path folder;  // the device's; what is counted is kept in it
        bool watchdog = false;
        std::function<bool()> engine_alive;
        // Empty where events go nowhere. Both are called from any thread, and do not wait.
        std::function<DeliveryFigures()> delivery;
    };

    // metrics.not_local, metrics.address. `device` and `log` outlive it.
    static Result<std::unique_ptr<MetricsDoor>> start(Device& device, Log& log,
                                                      const Options& options);
    ~MetricsDoor();
    MetricsDoor(const MetricsDoor&) = delete;
    MetricsDoor& operator=(const MetricsDoor&) = delete;

    const std::string& address() const;  // with the port that was free

private:
    struct Running;
    explicit MetricsDoor(std::unique_ptr<Running> running);

    std::unique_ptr<Running> running_;
};

}  // namespace cutover
