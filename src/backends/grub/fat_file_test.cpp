#include "backends/grub/fat_file.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "backends/boot_record/recorded_disk.h"
#include "backends/grub/test_partition.h"
#include "base/error.h"

namespace cutover {
namespace {

Result<std::uint64_t> find(const std::string& disk, std::string_view name = "ENV0") {
    return find_fat_file(RecordedDisk(disk), name, 1024);
}

TEST(FatFile, IsFoundWhereverItsClusterIs) {
    EXPECT_EQ(*find(fat_partition("", "")), kEnv0);
    EXPECT_EQ(*find(fat_partition("", ""), "ENV1"), kEnv1);
    EXPECT_EQ(*find(fat_partition("", "", {.first_cluster = 5})), kEnv0 + std::uint64_t{3} * 4096);
}

TEST(FatFile, ANameThatIsNotThereIsAnError) {
    EXPECT_FALSE(find(fat_partition("", ""), "ENV2"));
    EXPECT_FALSE(find(fat_partition("", ""), "ENVIRONMENT")) << "that is the volume label";
}

TEST(FatFile, IsNeverOutsideOfTheFileSystem) {
    EXPECT_FALSE(find(fat_partition("", "", {.first_cluster = 0})));
    EXPECT_FALSE(find(fat_partition("", "", {.first_cluster = 1})));
    EXPECT_FALSE(find(fat_partition("", "", {.first_cluster = 18})));
    EXPECT_FALSE(find(fat_partition("", "", {.first_cluster = 0xfff0})));
    EXPECT_FALSE(find(fat_partition("", "", {.cluster_sectors = 1}))) << "in two clusters";
}

TEST(FatFile, ABootSectorWithAnyByteDamagedIsReadOrRefused) {
    const auto good = fat_partition("", "");
    for (std::size_t at = 0; at < 512; ++at) {
        for (const char value : {'\0', '\1', '\x7f', '\xff'}) {
            auto disk = good;
            disk.at(at) = value;
            const auto found = find(disk).value_or(0);
            EXPECT_LE(found, std::size_t{0xff} * 512 * 256) << at;
        }
    }
}

}  // namespace
}  // namespace cutover
