#include "base/files.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct Files : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "files");
    fs::path path(const std::string& name) const { return folder->path() / name; }
};

TEST_F(Files, ADurableWriteReplacesTheWholeContent) {
    ASSERT_TRUE(write_file_durably(path("state"), "a long first content"));
    ASSERT_TRUE(write_file_durably(path("state"), "short"));
    EXPECT_EQ(read_file(path("state"), 100).value(), "short");
    EXPECT_FALSE(fs::exists(path("state.new")));
}

TEST_F(Files, AFileLongerThanTheBoundIsRefused) {
    ASSERT_TRUE(write_file_durably(path("big"), std::string(200'000, 'x')));
    const auto text = read_file(path("big"), 199'999);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().kind, Errc::invalid);
    EXPECT_EQ(read_file(path("big"), 200'000).value().size(), 200'000U);
}

TEST_F(Files, AnErrorNamesThePath) {
    const auto text = read_file(path("missing"), 10);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().kind, Errc::not_found);
    EXPECT_TRUE(text.error().message.contains(path("missing").string()));
}

TEST_F(Files, RemovingATreeDoesNotFollowLinksOutOfIt) {
    ASSERT_TRUE(make_folders(path("tree/inner")));
    ASSERT_TRUE(make_folders(path("outside")));
    ASSERT_TRUE(write_file_durably(path("outside/keep"), "x"));
    fs::create_directory_symlink(path("outside"), path("tree/link"));
    ASSERT_TRUE(remove_tree(path("tree")));
    EXPECT_FALSE(fs::exists(path("tree")));
    EXPECT_TRUE(fs::exists(path("outside/keep")));
    EXPECT_TRUE(remove_tree(path("tree"))) << "removing nothing is no error";
}

TEST_F(Files, AppendedLinesStayInOrder) {
    ASSERT_TRUE(append_line_durably(path("log"), "one"));
    ASSERT_TRUE(append_line_durably(path("log"), "two"));
    EXPECT_EQ(read_file(path("log"), 100).value(), "one\ntwo\n");
}

TEST_F(Files, ATempFolderGoesAwayWithItsContent) {
    fs::path inside;
    {
        const auto temp = TempFolder::create(folder->path(), "temp");
        ASSERT_TRUE(temp);
        inside = temp->path();
        std::ofstream(inside / "file") << "x";
    }
    EXPECT_FALSE(fs::exists(inside));
}

}  // namespace
}  // namespace cutover
