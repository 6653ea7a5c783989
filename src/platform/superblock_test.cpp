#include "platform/superblock.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct SuperblockTest : testing::Test {
    std::string head() const {
        auto text = read_file(image_, 100'000'000).value();
        text.resize(kSuperblockBytes);
        return text;
    }
    void make(const std::vector<std::string>& command) const {
        const auto made = run_process({.command = command});
        ASSERT_TRUE(made) << made.error().text();
        ASSERT_EQ(made->exit_code, 0) << made->output;
    }
    static std::optional<Superblock> find(const std::string& head) {
        return find_superblock(std::as_bytes(std::span(head)));
    }

    TempFolder folder_ = TempFolder::create(testing::TempDir(), "superblock").value();
    fs::path image_ = folder_.path() / "image";
};

TEST_F(SuperblockTest, Ext4SaysHowLargeItIs) {
    make({"mke2fs", "-q", "-t", "ext4", image_.string(), "5M"});
    const auto found = find(head());
    ASSERT_TRUE(found);
    EXPECT_EQ(found->file_system, "ext4");
    EXPECT_EQ(found->size_bytes, 5U * 1024 * 1024);
}

TEST_F(SuperblockTest, SquashfsSaysHowMuchItUses) {
    fs::create_directory(folder_.path() / "root");
    std::ofstream(folder_.path() / "root" / "file") << std::string(100'000, 'x');
    make({"mksquashfs", (folder_.path() / "root").string(), image_.string(), "-quiet",
          "-no-progress"});
    const auto found = find(head());
    ASSERT_TRUE(found);
    EXPECT_EQ(found->file_system, "squashfs");
    EXPECT_LE(found->size_bytes, fs::file_size(image_));
    EXPECT_GT(found->size_bytes + 4096, fs::file_size(image_)) << "padded to 4 KiB";
}

TEST_F(SuperblockTest, ErofsCountsItsBlocks) {
    std::string text(kSuperblockBytes, '\0');
    text.replace(1024, 4, "\xe2\xe1\xf5\xe0");
    text[1024 + 12] = 12;  // blocks of 4 KiB
    text[1024 + 36] = 7;
    const auto found = find(text);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->file_system, "erofs");
    EXPECT_EQ(found->size_bytes, 7U * 4096);
}

TEST_F(SuperblockTest, AnythingElseIsNone) {
    EXPECT_FALSE(find(std::string(kSuperblockBytes, '\0')));
    EXPECT_FALSE(find("hsqs")) << "too short";
}

// Fields of a damaged superblock may be anything; no disk is large enough for these.
TEST_F(SuperblockTest, ASizeThatOverflowsIsTooLargeForEveryDisk) {
    std::string text(kSuperblockBytes, '\xff');
    text[1024 + 56] = '\x53';
    text[1024 + 57] = '\xef';
    const auto found = find(text);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->size_bytes, ~0ULL);
}

}  // namespace
}  // namespace cutover
