#include "agent/feed.h"

#include <cstdint>
#include <stop_token>
#include <thread>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "model/device.h"
#include "model/event.h"

namespace cutover {
namespace {

TEST(Feed, AFollowerGetsWhatWasKeptThenWhatComes) {
    Feed feed({{.sequence = 1}, {.sequence = 2}});
    std::vector<std::int64_t> seen;
    std::jthread follower([&] {
        const auto done = feed.follow({.after_sequence = 1},
                                      [&](const FeedItem& item) {
                                          seen.push_back(std::get<Event>(item).sequence);
                                          return seen.size() < 3;
                                      },
                                      {});
        EXPECT_TRUE(done);
    });
    feed.add(Event{.sequence = 3});
    feed.add(Event{.sequence = 4});
    follower.join();
    EXPECT_EQ(seen, (std::vector<std::int64_t>{2, 3, 4}));
}

TEST(Feed, OnlyTheOperationAskedForIsFed) {
    Feed feed({{.sequence = 1, .operation = 7}, {.sequence = 2, .operation = 8}});
    feed.add(Progress{.operation = 7, .done_bytes = 1});
    std::vector<FeedItem> seen;
    ASSERT_TRUE(feed.follow({.operation = 7},
                            [&](const FeedItem& item) {
                                seen.push_back(item);
                                return seen.size() < 2;
                            },
                            {}));
    EXPECT_EQ(std::get<Event>(seen.at(0)).operation, 7);
    EXPECT_EQ(std::get<Progress>(seen.at(1)).operation, 7);
}

TEST(Feed, OfProgressOnlyTheNewestIsSent) {
    Feed feed(std::vector<Event>{});
    for (std::uint64_t i = 1; i <= 100; ++i) feed.add(Progress{.done_bytes = i});
    std::uint64_t seen = 0;
    ASSERT_TRUE(feed.follow({},
                            [&](const FeedItem& item) {
                                seen = std::get<Progress>(item).done_bytes;
                                return false;
                            },
                            {}));
    EXPECT_EQ(seen, 100U);
}

TEST(Feed, ClosingEndsEveryFollowerAfterTheLastEvent) {
    Feed feed(std::vector<Event>{{.sequence = 1}});
    feed.close();
    int seen = 0;
    const auto done = feed.follow({},
                                  [&](const FeedItem&) {
                                      ++seen;
                                      return true;
                                  },
                                  {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().id, "agent.ending");
    EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace cutover
