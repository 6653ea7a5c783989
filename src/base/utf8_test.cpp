#include "base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace cutover {
namespace {

TEST(Utf8, KeepsValidTextAndReplacesEveryOtherByte) {
    EXPECT_EQ(valid_utf8("späte Prüfung ━ 漢 😀"), "späte Prüfung ━ 漢 😀");
    EXPECT_EQ(valid_utf8("a\xFFz"), "a\xEF\xBF\xBDz");
    EXPECT_EQ(valid_utf8("\xC3"), "\xEF\xBF\xBD") << "cut in half";
    EXPECT_EQ(valid_utf8("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "overlong";
    EXPECT_EQ(valid_utf8("\xED\xA0\x80").find("\xED\xA0"), std::string::npos) << "a surrogate";
    EXPECT_EQ(valid_utf8(""), "");
}

TEST(Utf8, ClipsBetweenCharactersAndSaysSo) {
    EXPECT_EQ(clipped_utf8("short", 10), "short");
    EXPECT_EQ(clipped_utf8("abcdefgh", 6), "abc…");
    EXPECT_EQ(clipped_utf8("äääää", 8), "ää…") << "no half of an ä";
}

TEST(Utf8, ShowsWhatCameFromOutside) {
    EXPECT_EQ(shown_utf8("short", 10), "short");
    EXPECT_EQ(shown_utf8("exactly 10", 10), "exactly 10");
    EXPECT_EQ(shown_utf8("äääää", 8), "ää…");
    EXPECT_EQ(shown_utf8(std::string(100, '\xFF'), 8), "\xEF\xBF\xBD…")
        << "each becomes three bytes";
    EXPECT_EQ(shown_utf8(std::string(1 << 24, 'x'), 8).capacity(), std::string(8, 'x').capacity());
}

}  // namespace
}  // namespace cutover
