#include "base/clock.h"

#include <chrono>

#include <gtest/gtest.h>

namespace cutover {
namespace {

using namespace std::chrono_literals;

TEST(Time, ReadsBackWhatItWrote) {
    const auto time = from_iso8601("2026-11-21T10:02:11Z");
    ASSERT_TRUE(time);
    EXPECT_EQ(to_iso8601(*time), "2026-11-21T10:02:11Z");
    EXPECT_EQ(to_status_time(*time), "2026-11-21 10:02:11");
}

TEST(Time, RefusesWhatIsNoTime) {
    for (const auto* text :
         {"", "2026-13-01T00:00:00Z", "2026-11-21 10:02:11", "2026-11-21T10:02:11",
          "2026-11-21T10:02:11Zx", "yesterday", "2026-02-30T00:00:00Z"})
        EXPECT_FALSE(from_iso8601(text)) << text;
}

TEST(Duration, NeedsAUnit) {
    EXPECT_EQ(parse_duration("250ms").value(), 250ms);
    EXPECT_EQ(parse_duration("2s").value(), 2s);
    EXPECT_EQ(parse_duration("10m").value(), 10min);
    EXPECT_EQ(parse_duration("1h").value(), 1h);
    for (const auto* text : {"", "5", "-1s", "s", "1.5s", "99999999999h", "1 s"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Human, SizesAreInSiUnits) {
    EXPECT_EQ(human_size(999), "999 B");
    EXPECT_EQ(human_size(578'000'000), "578 MB");
    EXPECT_EQ(human_size(4'100'000'000), "4.1 GB");
    EXPECT_EQ(human_size(999'950), "1.0 MB");
    EXPECT_EQ(human_duration(600ms), "0.6 s");
    EXPECT_EQ(human_duration(125s), "2 min 5 s");
}

}  // namespace
}  // namespace cutover
