#include "base/block_file.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

struct BlockFileTest : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "block");
    std::string path = folder->path() / "disk";
    BlockFileTest() { std::ofstream(path) << std::string(4096, '.'); }
};

TEST_F(BlockFileTest, WritesInPlaceAndKeepsTheLength) {
    const auto file = BlockFile::open(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write(1000, "hello"));
    ASSERT_TRUE((*file)->sync());
    EXPECT_EQ(*(*file)->read(998, 9), "..hello..");
    EXPECT_EQ(read_file(path, 10'000)->size(), 4096U);
}

TEST_F(BlockFileTest, ReadingPastTheEndIsAnErrorAndNotAShortAnswer) {
    const auto file = BlockFile::open(path);
    ASSERT_TRUE(file);
    EXPECT_EQ((*file)->read(4000, 97).error().kind, Errc::corrupt);
    EXPECT_TRUE((*file)->read(4000, 96));
}

TEST_F(BlockFileTest, ADeviceThatIsNotThereIsNotMade) {
    EXPECT_FALSE(BlockFile::open(folder->path() / "none"));
    EXPECT_FALSE(read_file(folder->path() / "none", 1));
}

}  // namespace
}  // namespace cutover
