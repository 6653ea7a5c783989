// What an Agent sees to between operations.

#include <algorithm>
#include <chrono>
#include <mutex>

#include <fmt/core.h>

#include "agent/agent.h"
#include "agent/event_delivery.h"
#include "base/error.h"
#include "engine/engine.h"
#include "model/event.h"
#include "platform/config_data.h"
#include "store/store.h"

namespace cutover {
namespace {

constexpr std::chrono::seconds kHealthInterval{30};

}  // namespace

void Agent::hear_of_configuration() {
    if (!ports_.configuration) return;
    ports_.configuration->tell_changes([this] {
        const std::lock_guard lock(mutex_);
        config_changed_ = true;
        wake_.notify_all();
    });
}

// Cards come and go at any time and are looked at often; asking every health check is for seldom.
Result<Engine::Outcome> Agent::look_around() {
    if (extras_.delivery) TRY(look_at_delivery(*extras_.delivery));
    const bool changed = TRY(engine_.look_at_hardware());
    // What was asked for goes before services that are still to be told.
    engine_.look_at_config_changes([this] {
        const std::lock_guard lock(mutex_);
        return !commands_.empty();
    });
    const auto now = ports_.clock.steady();
    if (!changed && now < next_health_) return Engine::Outcome::idle;
    engine_.look_at_health();
    next_health_ = ports_.clock.steady() + kHealthInterval;
    return Engine::Outcome::idle;
}

// Between operations, which is when others may write to the store.
Result<> Agent::look_at_delivery(const EventDelivery& delivery) {
    auto& store = ports_.store;
    const auto status = delivery.status();
    const auto now = ports_.clock.wall();
    const auto is_raised = [](const Alarm& alarm) {
        return alarm.name == kDeliveryAlarm && !alarm.cleared;
    };
    const bool raised =
        delivery_alarm_ ? *delivery_alarm_ : std::ranges::any_of(TRY(store.alarms()), is_raised);
    delivery_alarm_ = raised;
    const auto change = delivery_alarm(status, raised, delivery.alarm_after, now);
    if (change == AlarmChange::none) return {};
    const bool raise = change == AlarmChange::raise;
    Event event;
    TRY(store.transact([&]() -> Result<> {
        if (raise)
            TRY(store.raise_alarm({.name = kDeliveryAlarm,
                                   .severity = Severity::minor,
                                   .text = fmt::format("{} events wait for delivery: {}",
                                                       status.counts.waiting, status.reason),
                                   .raised = now}));
        else
            TRY(store.clear_alarm(kDeliveryAlarm, now));
        event = TRY(store.add_event({.time = now,
                                     .type = raise ? "alarm.raised" : "alarm.cleared",
                                     .text = kDeliveryAlarm}));
        return {};
    }));
    delivery_alarm_ = raise;
    on_event(event);
    on_change();
    return {};
}

}  // namespace cutover
