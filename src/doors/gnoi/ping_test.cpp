#include "doors/gnoi/ping.h"

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace cutover::gnoi_door {
namespace {

using std::chrono::milliseconds;

constexpr auto kNever = [] { return false; };

struct Pings : testing::Test {
    std::vector<PingAnswer> answers;

    Result<PingSummary> send(const PingWish& wish) {
        return ping(
            wish,
            [&](const PingAnswer& answer) {
                answers.push_back(answer);
                return true;
            },
            kNever);
    }
    static bool is_forbidden(const Result<PingSummary>& done) {
        return !done && done.error().id == "door.gnoi_no_ping";
    }
};

void expect_answers(const std::vector<PingAnswer>& answers, const std::string& from,
                    std::size_t bytes) {
    std::set<int> sequences;
    for (const auto& answer : answers) {
        sequences.insert(answer.sequence);
        EXPECT_EQ(answer.source, from);
        EXPECT_EQ(answer.bytes, bytes);
        EXPECT_GT(answer.ttl, 0);
        EXPECT_GT(answer.time.count(), 0);
    }
    EXPECT_EQ(sequences, (std::set{1, 2, 3}));
}

TEST_F(Pings, LoopbackAnswersEachRequestOnce) {
    const auto done =
        send({.destination = "127.0.0.1", .count = 3, .interval = milliseconds(10), .bytes = 100});
    if (is_forbidden(done)) GTEST_SKIP() << done.error().text();
    ASSERT_TRUE(done) << done.error().text();
    expect_answers(answers, "127.0.0.1", 108);
    EXPECT_EQ(done->sent, 3);
    EXPECT_EQ(done->received, 3);
    EXPECT_EQ(done->source, "127.0.0.1");
    EXPECT_LE(done->least, done->mean);
    EXPECT_LE(done->mean, done->most);
    EXPECT_LT(done->took, std::chrono::seconds(2)) << "the last answer ends it";
}

TEST_F(Pings, SoItIsWithIpv6) {
    const auto done = send({.destination = "::1", .count = 3, .interval = milliseconds(10)});
    if (is_forbidden(done)) GTEST_SKIP() << done.error().text();
    if (!done && done.error().id == "door.gnoi_ping_failed")
        GTEST_SKIP() << "no IPv6 here: " << done.error().text();
    ASSERT_TRUE(done) << done.error().text();
    expect_answers(answers, "::1", 64);
}

TEST_F(Pings, PacketsWithoutContentCountAsWell) {
    const auto done = send({.destination = "127.0.0.1", .count = 1, .bytes = 0});
    if (is_forbidden(done)) GTEST_SKIP() << done.error().text();
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(done->received, 1);
}

TEST_F(Pings, WhoDoesNotListenAnyMoreEndsThem) {
    const auto wish = PingWish{.destination = "127.0.0.1", .count = 1000};
    const auto done = ping(wish, [](const PingAnswer&) { return false; }, kNever);
    if (is_forbidden(done)) GTEST_SKIP() << done.error().text();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, Errc::cancelled);
    const auto ended = ping(wish, [](const PingAnswer&) { return true; }, [] { return true; });
    EXPECT_EQ(ended.error().kind, Errc::cancelled);
}

TEST_F(Pings, AForeignSourceAndAnUnknownNameAreErrors) {
    const auto foreign = send({.destination = "127.0.0.1", .source = "192.0.2.77"});
    if (is_forbidden(foreign)) GTEST_SKIP() << foreign.error().text();
    EXPECT_EQ(foreign.error().id, "door.gnoi_bad_request");
    EXPECT_EQ(send({.destination = "127.0.0.1", .source = "no address"}).error().id,
              "door.gnoi_bad_request");
    EXPECT_EQ(send({.destination = "no name at all"}).error().kind, Errc::not_found);
    EXPECT_EQ(send({.destination = "::1", .family = PingFamily::ipv4}).error().kind,
              Errc::not_found);
}

}  // namespace
}  // namespace cutover::gnoi_door
