#include "doors/dmi/feed_hub.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "model/event.h"
#include "model/fake_device.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{30'000};

std::vector<std::string> texts(FeedHub::Reader& reader, std::size_t count) {
    std::vector<std::string> result;
    while (result.size() < count) {
        const auto item = reader.take(kPatience);
        if (!item) return result;
        if (const auto* event = std::get_if<Event>(&*item)) result.push_back(event->text);
    }
    return result;
}

struct Hub : testing::Test {
    FakeDevice device;
    FeedHub hub{device};

    // The hub's thread follows from some moment on; what is said before that is not for it.
    void SetUp() override {
        while (device.followers() == 0) std::this_thread::yield();
    }
};

TEST_F(Hub, EveryReaderGetsEverythingInOrder) {
    const auto first = hub.subscribe();
    const auto second = hub.subscribe();
    device.publish("mark.moved", "one");
    device.publish("mark.moved", "two");
    EXPECT_EQ(texts(*first, 2), (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(texts(*second, 2), (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(device.followers(), 1) << "however many read";
}

TEST_F(Hub, AReaderWhoStaysBehindIsGivenUpAndHoldsUpNobody) {
    const auto sleeper = hub.subscribe();
    const auto reader = hub.subscribe();
    constexpr int kMany = 1100;
    for (int i = 0; i < kMany; ++i) {
        device.publish("mark.moved", std::to_string(i));
        ASSERT_EQ(texts(*reader, 1).size(), 1U);
    }
    EXPECT_FALSE(reader->overflowed());
    EXPECT_TRUE(sleeper->overflowed());
}

TEST_F(Hub, WithoutNewsAReaderWaitsAsLongAsItSaid) {
    EXPECT_FALSE(hub.subscribe()->take(milliseconds(1)));
}

}  // namespace
}  // namespace cutover
