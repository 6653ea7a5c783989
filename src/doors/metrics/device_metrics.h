#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <prometheus/metric_family.h>
#include <vector>

#include "base/clock.h"
#include "doors/metrics/operation_tally.h"
#include "model/device.h"
#include "model/event.h"

namespace cutover {

// Events on their way to a message bus.
struct DeliveryFigures {
    std::int64_t waiting = 0;
    std::int64_t dropped = 0;  // since the device was made
    std::optional<WallTime> oldest;
    bool arrives = false;  // the last attempt was acknowledged
};

// All that metrics are made of, as of one instant.
struct MetricsSnapshot {
    DeviceState state;
    OperationTally tally;
    std::optional<Progress> progress;  // of the operation at work
    std::uint64_t step_bytes = 0;      // that steps have worked through, in this life of the agent
    std::optional<DeliveryFigures> delivery;
    bool engine_alive = true;
    bool watchdog = false;         // a hardware watchdog is configured
    std::filesystem::path folder;  // the device's
};

// Labels are names of enumerations, or of what a device has two or three of: how many series there
// are does not grow with time, nor with what clients ask for.
std::vector<prometheus::MetricFamily> device_metrics(const MetricsSnapshot& snapshot);

}  // namespace cutover
