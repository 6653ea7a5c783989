#include "doors/native/follower_queue.h"

#include <chrono>
#include <cstdint>
#include <thread>
#include <variant>

#include <gtest/gtest.h>

#include "model/device.h"
#include "model/event.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

Event event(std::int64_t sequence) { return {.sequence = sequence}; }
Progress progress(std::uint64_t done) { return {.done_bytes = done}; }
std::int64_t sequence_of(const FollowerQueue::Taken& taken) {
    return taken.item ? std::get<Event>(*taken.item).sequence : -1;
}

TEST(FollowerQueue, KeepsOnlyTheNewestProgressBetweenEvents) {
    FollowerQueue queue({.max_events = 10, .patience = milliseconds(0)});
    queue.push(event(1));
    queue.push(progress(10));
    queue.push(progress(20));
    queue.push(event(2));
    EXPECT_EQ(sequence_of(queue.take(milliseconds(0))), 1);
    EXPECT_EQ(std::get<Progress>(*queue.take(milliseconds(0)).item).done_bytes, 20);
    EXPECT_EQ(sequence_of(queue.take(milliseconds(0))), 2);
    EXPECT_FALSE(queue.take(milliseconds(0)).item);
}

TEST(FollowerQueue, GivesUpAReaderWhoStaysBehindButLetsHimReadWhatIsQueued) {
    FollowerQueue queue({.max_events = 2, .patience = milliseconds(1)});
    EXPECT_TRUE(queue.push(event(1)));
    EXPECT_TRUE(queue.push(event(2)));
    EXPECT_TRUE(queue.push(progress(1))) << "progress is dropped, not waited for";
    EXPECT_FALSE(queue.push(event(3)));
    EXPECT_FALSE(queue.push(event(4))) << "nothing is left out of the middle";
    EXPECT_TRUE(queue.overflowed());
    EXPECT_EQ(sequence_of(queue.take(milliseconds(0))), 1);
    EXPECT_EQ(sequence_of(queue.take(milliseconds(0))), 2);
    EXPECT_TRUE(queue.take(milliseconds(0)).ended);
}

TEST(FollowerQueue, WaitsForAReaderWhoCatchesUp) {
    FollowerQueue queue({.max_events = 1, .patience = std::chrono::hours(1)});
    std::jthread feeder([&queue] {
        for (int i = 1; i <= 100; ++i) queue.push(event(i));
        queue.close();
    });
    for (int i = 1; i <= 100; ++i) ASSERT_EQ(sequence_of(queue.take(std::chrono::hours(1))), i);
    EXPECT_TRUE(queue.take(std::chrono::hours(1)).ended);
}

TEST(FollowerQueue, WakesItsFeederWhenTheReaderIsGone) {
    FollowerQueue queue({.max_events = 1, .patience = std::chrono::hours(1)});
    queue.push(event(1));
    std::jthread reader([&queue] { queue.abandon(); });
    EXPECT_FALSE(queue.push(event(2)));
    EXPECT_TRUE(queue.wait_until_abandoned(milliseconds(0)));
    EXPECT_FALSE(queue.overflowed());
}

}  // namespace
}  // namespace cutover
