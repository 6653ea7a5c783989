#include "base/crc32.h"

#include <gtest/gtest.h>

namespace cutover {
namespace {

TEST(Crc32, IsTheOneOfZlibAndUBoot) {
    EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
    EXPECT_EQ(crc32(""), 0U);
}

}  // namespace
}  // namespace cutover
