#include "base/nearest_name.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace cutover {
namespace {

constexpr std::array<std::string_view, 4> kKnown{"deadline", "boots", "settle", "on-change"};

TEST(NearestName, FindsWhatASlipOfTheFingersMeant) {
    EXPECT_EQ(nearest_name("dealdine", kKnown), "deadline");
    EXPECT_EQ(nearest_name("boot", kKnown), "boots");
    EXPECT_EQ(nearest_name("on_change", kKnown), "on-change");
    EXPECT_EQ(nearest_name("stetle", kKnown), "settle");
}

TEST(NearestName, SuggestsNothingForAnUnrelatedName) {
    EXPECT_EQ(nearest_name("hardware", kKnown), "");
    EXPECT_EQ(nearest_name("", kKnown), "");
    EXPECT_EQ(nearest_name(std::string(1'000'000, 'b'), kKnown), "");
}

}  // namespace
}  // namespace cutover
