#include "backends/overlay/mount_table.h"

#include <string_view>

#include <gtest/gtest.h>

namespace cutover {
namespace {

TEST(MountTable, TellsPointTypeAndSourceWhateverFieldsAreBetween) {
    const auto table = parse_mount_table(
        "22 1 259:2 / / ro,relatime shared:1 master:4 - ext4 /dev/root ro\n"
        "31 22 0:27 / /usr ro,nodev - overlay cutover ro,lowerdir=/proc/self/fd/3\n"
        "32 22 0:28 /a\\040b /mnt/with\\040space\\134x rw - tmpfs none\\011tab rw\n");
    ASSERT_TRUE(table) << table.error().text();
    ASSERT_EQ(table->size(), 3U);
    EXPECT_EQ((*table)[0].id, 22U);
    EXPECT_EQ((*table)[0].at, "/");
    EXPECT_EQ((*table)[0].type, "ext4");
    EXPECT_EQ((*table)[1].at, "/usr");
    EXPECT_EQ((*table)[1].source, "cutover");
    EXPECT_EQ((*table)[2].at, "/mnt/with space\\x");
    EXPECT_EQ((*table)[2].source, "none\ttab");
}

TEST(MountTable, ALineOfAnotherFormIsNotGuessedAt) {
    for (const std::string_view text : {"22 1 259:2 / / ro", "x 1 2:3 / / ro - ext4 a b\n",
                                        "22 1 2:3 - ext4 a b\n", "22 1 2:3 / /mnt ro - ext4\n"})
        EXPECT_FALSE(parse_mount_table(text)) << text;
}

TEST(MountTable, TheMachinesOwnCanBeRead) {
    const auto table = read_mount_table();
    ASSERT_TRUE(table) << table.error().text();
    bool root = false;
    for (const auto& mount : *table) root = root || mount.at == "/";
    EXPECT_TRUE(root);
}

}  // namespace
}  // namespace cutover
