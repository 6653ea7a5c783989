#include "model/version.h"

#include <string>

#include <gtest/gtest.h>

namespace cutover {
namespace {

Version version(const std::string& text) { return Version::parse(text).value(); }

TEST(Version, SortsByNumbersNotByText) {
    EXPECT_LT(version("1.9"), version("1.10"));
    EXPECT_LT(version("1.2"), version("1.2.1"));
    EXPECT_EQ(version("1.0"), version("1.0.0"));
}

TEST(Version, APreReleaseComesBeforeItsRelease) {
    EXPECT_LT(version("1.2-rc.1"), version("1.2"));
    EXPECT_LT(version("1.2-rc.9"), version("1.2-rc.10"));
    EXPECT_LT(version("1.2-alpha"), version("1.2-beta"));
    EXPECT_GT(version("1.2.1-rc.1"), version("1.2"));
}

TEST(Version, RefusesWhatIsNoVersion) {
    for (const auto* text : {"", "1..2", "1.", ".1", "v1", "1.2-", "1.2-a b", "-1",
                             "1.2.3.4.5.6.7.8.9", "99999999999", "01.2", "1.2/../3"})
        EXPECT_FALSE(Version::parse(text)) << text;
    EXPECT_FALSE(Version::parse(std::string(65, '1')));
}

TEST(Version, SameBranchMeansSameFirstTwoNumbers) {
    EXPECT_TRUE(version("6.1.1").same_branch(version("6.1.2")));
    EXPECT_FALSE(version("6.1.1").same_branch(version("6.2")));
}

TEST(VersionRange, AcceptsWhatMeetsEveryComparison) {
    const auto range = VersionRange::parse(">=1.0 <2.0").value();
    EXPECT_TRUE(range.accepts(version("1.0")));
    EXPECT_TRUE(range.accepts(version("1.99.3")));
    EXPECT_FALSE(range.accepts(version("2.0")));
    EXPECT_FALSE(range.accepts(version("0.9")));
    EXPECT_TRUE(range.accepts(version("2.0-rc.1"))) << "a pre-release is below its release";
}

TEST(VersionRange, EmptyAcceptsEverything) {
    EXPECT_TRUE(VersionRange::parse("").value().accepts(version("0")));
    EXPECT_TRUE(VersionRange::parse("*").value().accepts(version("7")));
    EXPECT_TRUE(VersionRange::parse("1.2").value().accepts(version("1.2.0")));
    EXPECT_FALSE(VersionRange::parse("!=1.2").value().accepts(version("1.2.0")));
    EXPECT_FALSE(VersionRange::parse("> 1.2"));
    EXPECT_FALSE(VersionRange::parse("=>1.2"));
}

}  // namespace
}  // namespace cutover
