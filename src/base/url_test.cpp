#include "base/url.h"

#include <gtest/gtest.h>

namespace cutover {
namespace {

TEST(WithoutSecrets, LeavesWhereAndNotWho) {
    EXPECT_EQ(without_secrets("sftp://bob:pa@ss@host:22/a@b/c.cup?token=1#f"),
              "sftp://host:22/a@b/c.cup");
    EXPECT_EQ(without_secrets("https://host"), "https://host");
    EXPECT_EQ(without_secrets("https://bob:p@host"), "https://host");
}

TEST(WithoutSecrets, TakesWhatIsNoUrl) {
    EXPECT_EQ(without_secrets(""), "");
    EXPECT_EQ(without_secrets("/a file?x"), "/a file");
    EXPECT_EQ(without_secrets("://@"), "://");
}

}  // namespace
}  // namespace cutover
