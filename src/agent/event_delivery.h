#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "events/deliverer.h"
#include "model/device.h"

namespace cutover {

// That events are delivered somewhere, and how that goes.
struct EventDelivery {
    std::function<DeliveryStatus()> status;  // from any thread, and at once
    std::chrono::milliseconds progress_interval{std::chrono::seconds(5)};
    std::chrono::milliseconds alarm_after{std::chrono::minutes(5)};
};

inline constexpr auto kDeliveryAlarm = "events-undelivered";

enum class AlarmChange : std::uint8_t { none, raise, clear };

// Raised when nothing has arrived for long, cleared when something does.
AlarmChange delivery_alarm(const DeliveryStatus& status, bool raised,
                           std::chrono::milliseconds alarm_after, WallTime now);

// What waits, and why: a row among the health checks. It judges nothing: a bus that is away makes
// no device sick before the alarm is due.
HealthStatus delivery_health(const DeliveryStatus& status, std::chrono::milliseconds alarm_after,
                             WallTime now);

}  // namespace cutover
