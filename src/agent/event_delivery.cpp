#include "agent/event_delivery.h"

#include <chrono>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "base/clock.h"
#include "events/deliverer.h"
#include "model/device.h"

namespace cutover {
namespace {

bool is_late(const DeliveryStatus& status, std::chrono::milliseconds alarm_after, WallTime now) {
    return status.failing_since && now - *status.failing_since >= alarm_after;
}

}  // namespace

AlarmChange delivery_alarm(const DeliveryStatus& status, bool raised,
                           std::chrono::milliseconds alarm_after, WallTime now) {
    if (!raised && is_late(status, alarm_after, now)) return AlarmChange::raise;
    if (raised && status.arrives) return AlarmChange::clear;
    return AlarmChange::none;
}

HealthStatus delivery_health(const DeliveryStatus& status, std::chrono::milliseconds alarm_after,
                             WallTime now) {
    const auto& counts = status.counts;
    auto detail = counts.waiting == 0 ? std::string("none waits")
                                      : fmt::format("{} wait for delivery", counts.waiting);
    if (counts.oldest && status.failing_since)
        detail += fmt::format(", the oldest since {}", to_iso8601(*counts.oldest));
    if (!status.reason.empty()) detail += fmt::format(": {}", status.reason);
    if (counts.dropped > 0) detail += fmt::format("; {} were dropped", counts.dropped);
    return {.name = "events arrive",
            .from = "agent",
            .healthy = !is_late(status, alarm_after, now),
            .detail = std::move(detail),
            .checked = now};
}

}  // namespace cutover
