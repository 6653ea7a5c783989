#include "events/deliverer.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "events/event_sink.h"
#include "store/database.h"
#include "store/outbox.h"
#include "store/store.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPatience{20};

// What several sinks, one after the other, have received.
struct Bus {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<OutboxEvent> received;
    bool away = false;
    std::size_t at_once = 1000;
    std::optional<std::size_t> dies_after;  // receives so many more, but acknowledges none
    int attempts = 0;
    int opened = 0;
    int refuses_to_open = 0;

    bool wait(const std::function<bool()>& condition) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, kPatience, condition);
    }
    bool wait_for(std::size_t count) {
        return wait([&] { return received.size() >= count; });
    }
    void set_away(bool value) {
        const std::lock_guard lock(mutex);
        away = value;
    }
    std::vector<std::string> texts() {
        const std::lock_guard lock(mutex);
        std::vector<std::string> result(received.size());
        std::ranges::transform(received, result.begin(),
                               [](const OutboxEvent& each) { return each.event.text; });
        return result;
    }
};

class BusSink final : public EventSink {
public:
    explicit BusSink(Bus& bus) : bus_(bus) {}

    Published publish(std::span<const OutboxEvent> batch,
                      const std::stop_token& /*stop*/) override {
        const std::lock_guard lock(bus_.mutex);
        ++bus_.attempts;
        bus_.changed.notify_all();
        if (bus_.away) return {.error = make_error(Errc::unavailable, "the bus is away")};
        if (bus_.dies_after) {
            const auto some = batch.first(std::min(batch.size(), *bus_.dies_after));
            bus_.received.insert(bus_.received.end(), some.begin(), some.end());
            return {.error = make_error(Errc::unavailable, "it broke off")};
        }
        const auto some = batch.first(std::min(batch.size(), bus_.at_once));
        bus_.received.insert(bus_.received.end(), some.begin(), some.end());
        return {.acknowledged = some.size()};
    }

private:
    Bus& bus_;
};

struct DelivererTest : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "deliverer");
    Store store = Store::open(folder->path() / "device.db").value();
    SystemClock clock;
    std::unique_ptr<Log> log = Log::silent();
    Bus bus;
    std::unique_ptr<Deliverer> deliverer;

    DelivererTest() { store.deliver({}); }

    void start() {
        deliverer =
            Deliverer::start(
                folder->path() / "device.db",
                [this]() -> Result<std::unique_ptr<EventSink>> {
                    const std::lock_guard lock(bus.mutex);
                    ++bus.opened;
                    bus.changed.notify_all();
                    if (bus.opened <= bus.refuses_to_open) return fail(Errc::io, "no such file");
                    return std::make_unique<BusSink>(bus);
                },
                clock, *log,
                {.batch = 7, .first_pause = milliseconds(1), .longest_pause = milliseconds(5)})
                .value();
        store.deliver({.max_waiting = max_waiting, .on_added = [this] { deliverer->wake(); }});
    }
    void tell(int first, int count, const std::string& type = "operation.started") {
        for (int i = first; i < first + count; ++i)
            ASSERT_TRUE(store.transact([&]() -> Result<> {
                TRY(store.add_event({.type = type, .text = std::to_string(i)}));
                return {};
            }));
    }
    static std::vector<std::string> numbers(int first, int count) {
        std::vector<std::string> result;
        for (int i = first; i < first + count; ++i) result.push_back(std::to_string(i));
        return result;
    }
    bool status_is(const std::function<bool(const DeliveryStatus&)>& wanted) {
        const auto end = clock.steady() + kPatience;
        while (!wanted(deliverer->status())) {
            if (clock.steady() > end) return false;
            std::this_thread::yield();
        }
        return true;
    }
    std::int64_t max_waiting = 10'000;
};

TEST_F(DelivererTest, DeliversInOrderWhatWasThereAndWhatComesAndForgetsIt) {
    tell(0, 20);
    start();
    ASSERT_TRUE(bus.wait_for(20));
    tell(20, 20);
    ASSERT_TRUE(bus.wait_for(40));
    EXPECT_EQ(bus.texts(), numbers(0, 40));
    EXPECT_TRUE(status_is([](const auto& status) {
        return status.counts.waiting == 0 && status.arrives && status.reason.empty();
    }));
    EXPECT_EQ(bus.opened, 1);
}

TEST_F(DelivererTest, WhatIsTakenInPartsArrivesOnceAndInOrder) {
    bus.at_once = 3;
    tell(0, 20);
    start();
    ASSERT_TRUE(bus.wait_for(20));
    EXPECT_EQ(bus.texts(), numbers(0, 20));
}

TEST_F(DelivererTest, EventsWaitWhileTheBusIsAwayAndItsReasonIsTold) {
    bus.set_away(true);
    start();
    tell(0, 30);
    EXPECT_TRUE(status_is([](const auto& status) {
        return status.counts.waiting == 30 && !status.arrives && status.failing_since &&
               status.reason == "the bus is away";
    }));
    bus.set_away(false);
    ASSERT_TRUE(bus.wait_for(30));
    EXPECT_EQ(bus.texts(), numbers(0, 30));
    EXPECT_TRUE(status_is([](const auto& status) { return !status.failing_since; }));
}

TEST_F(DelivererTest, WhatWasSentAndNotAcknowledgedIsSentAgainByTheNextAgent) {
    bus.dies_after = 4;
    tell(0, 10);
    start();
    ASSERT_TRUE(bus.wait_for(4));
    deliverer.reset();
    {
        const std::lock_guard lock(bus.mutex);
        bus.dies_after.reset();
        bus.received.clear();
    }
    start();
    ASSERT_TRUE(bus.wait_for(10));
    EXPECT_EQ(bus.texts(), numbers(0, 10));
    std::set<std::int64_t> sequences;
    for (const auto& each : bus.received) sequences.insert(each.sequence);
    EXPECT_EQ(sequences.size(), 10U);
}

TEST_F(DelivererTest, ASinkThatCannotBeOpenedIsTriedAgain) {
    bus.refuses_to_open = 3;
    tell(0, 2);
    start();
    ASSERT_TRUE(bus.wait_for(2));
    EXPECT_EQ(bus.opened, 4);
}

TEST_F(DelivererTest, OpensNoSinkWhileThereIsNothingToDeliver) {
    start();
    EXPECT_TRUE(status_is([](const auto& status) { return status.counts.waiting == 0; }));
    deliverer.reset();
    EXPECT_EQ(bus.opened, 0);
}

TEST_F(DelivererTest, EndsAtOnceWhileTheBusIsAway) {
    bus.set_away(true);
    tell(0, 5);
    start();
    ASSERT_TRUE(bus.wait([&] { return bus.attempts > 2; }));
    const auto begun = clock.steady();
    deliverer.reset();
    EXPECT_LT(clock.steady() - begun, std::chrono::seconds(5));
    auto database = Database::open(folder->path() / "device.db").value();
    EXPECT_EQ(Outbox(database).counts()->waiting, 5);
}

TEST_F(DelivererTest, TellsTheReceiverWhatCouldNotBeKept) {
    max_waiting = 10;
    bus.set_away(true);
    start();
    tell(0, 5);
    tell(5, 20, "stage.started");
    bus.set_away(false);
    ASSERT_TRUE(bus.wait([&] {
        return !bus.received.empty() && bus.received.back().event.type == "events.dropped";
    }));
    EXPECT_TRUE(bus.received.back().event.text.starts_with("15 events of progress"));
    EXPECT_EQ(bus.received.size(), 11U);
}

TEST_F(DelivererTest, TheEngineWritesWhileManyEventsAreDelivered) {
    start();
    std::jthread other([&] { (void)bus.wait_for(300); });
    tell(0, 300);
    ASSERT_TRUE(bus.wait_for(300));
    EXPECT_EQ(bus.texts(), numbers(0, 300));
}

}  // namespace
}  // namespace cutover
