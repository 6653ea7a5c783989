#include "agent/event_delivery.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/agent.h"
#include "base/clock.h"
#include "engine/observer.h"
#include "engine/simulated_device.h"
#include "events/deliverer.h"
#include "model/device.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const WallTime kNow{1'600'000'000'000ms};

DeliveryStatus failing_since(WallTime since) {
    return {.counts = {.waiting = 3, .oldest = since},
            .failing_since = since,
            .reason = "nobody answers"};
}

TEST(DeliveryAlarm, IsRaisedAfterAWhileAndClearedBySuccessAlone) {
    EXPECT_EQ(delivery_alarm({}, false, 1min, kNow), AlarmChange::none);
    EXPECT_EQ(delivery_alarm(failing_since(kNow - 59s), false, 1min, kNow), AlarmChange::none);
    EXPECT_EQ(delivery_alarm(failing_since(kNow - 60s), false, 1min, kNow), AlarmChange::raise);
    EXPECT_EQ(delivery_alarm(failing_since(kNow - 60s), true, 1min, kNow), AlarmChange::none);
    EXPECT_EQ(delivery_alarm({}, true, 1min, kNow), AlarmChange::none) << "nothing tried yet";
    EXPECT_EQ(delivery_alarm({.arrives = true}, true, 1min, kNow), AlarmChange::clear);
}

TEST(DeliveryHealth, TellsWhatWaitsAndWhyAndIsHealthyUntilTheAlarm) {
    EXPECT_EQ(delivery_health({}, 1min, kNow).detail, "none waits");
    const auto health = delivery_health(failing_since(kNow - 10s), 1min, kNow);
    EXPECT_TRUE(health.healthy);
    EXPECT_EQ(health.detail,
              "3 wait for delivery, the oldest since 2020-09-13T12:26:30Z: nobody answers");
    EXPECT_FALSE(delivery_health(failing_since(kNow - 60s), 1min, kNow).healthy);
    EXPECT_THAT(delivery_health({.counts = {.dropped = 7}}, 1min, kNow).detail,
                HasSubstr("7 were dropped"));
}

TEST(AgentWithDelivery, RaisesTheAlarmAndClearsItWhenEventsArriveAgain) {
    SimulatedDevice device;
    std::mutex mutex;
    auto status = failing_since(device.clock.wall() - 1h);
    const auto agent =
        Agent::start([&](Observer& observer) { return device.ports(observer); },
                     {.delivery = EventDelivery{.status =
                                                    [&] {
                                                        const std::lock_guard lock(mutex);
                                                        return status;
                                                    },
                                                .alarm_after = 1min}})
            .value();
    const auto wait_for_alarms = [&](std::size_t count) {
        while (agent->state()->alarms.size() != count) std::this_thread::yield();
    };
    wait_for_alarms(1);
    EXPECT_EQ(agent->state()->alarms.front().name, kDeliveryAlarm);
    EXPECT_THAT(agent->state()->alarms.front().text, HasSubstr("nobody answers"));
    EXPECT_EQ(agent->state()->health.back().name, "events arrive");
    {
        const std::lock_guard lock(mutex);
        status = {.arrives = true};
    }
    wait_for_alarms(0);
    EXPECT_TRUE(agent->state()->health.back().healthy);
}

}  // namespace
}  // namespace cutover
