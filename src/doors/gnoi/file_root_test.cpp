#include "doors/gnoi/file_root.h"

#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"

namespace cutover::gnoi_door {
namespace {

namespace fs = std::filesystem;

struct Files : testing::Test {
    Result<TempFolder> folder = TempFolder::create("/tmp", "gnoi");
    fs::path root = folder->path() / "files";
    Result<FileRoot> files = FileRoot::open(root);

    std::string put(std::string_view path, std::string_view text, mode_t mode = 0640) {
        auto file = files->put(path, mode);
        if (!file) return file.error().id;
        const auto written = file->write(text);
        if (!written) return written.error().id;
        const auto kept = file->keep();
        return kept ? "kept" : kept.error().id;
    }
    std::string get(std::string_view path) const {
        const auto file = files->get(path);
        if (!file) return file.error().id;
        std::string text(100, '\0');
        const auto count = read_up_to(file->get(), std::as_writable_bytes(std::span(text)), path);
        if (!count) return count.error().id;
        return text.substr(0, *count);
    }
    std::string remove(std::string_view path) {
        const auto removed = files->remove(path);
        return removed ? "removed" : removed.error().id;
    }
    std::vector<std::string> names(std::string_view path) const {
        const auto found = files->stat(path);
        if (!found) return {found.error().id};
        std::vector<std::string> result;
        for (const auto& each : *found) result.push_back(each.path);
        return result;
    }
};

TEST_F(Files, AreKeptInFoldersThatAreMadeAndReplacedAsAWhole) {
    EXPECT_EQ(put("/a/b/c.txt", "one"), "kept");
    EXPECT_EQ(put("/a/b/c.txt", "two", 0755), "kept");
    EXPECT_EQ(get("/a/b/c.txt"), "two");
    EXPECT_EQ(names("/a"), std::vector<std::string>{"/a/b"});
    const auto info = files->stat("/a/b/c.txt");
    ASSERT_TRUE(info);
    EXPECT_EQ(info->front().mode, 0755U);
    EXPECT_EQ(info->front().size, 3U);
    EXPECT_GT(info->front().modified_ns, 0U);
    EXPECT_EQ(remove("/a/b/c.txt"), "removed");
    EXPECT_EQ(get("/a/b/c.txt"), "general.not_found");
}

TEST_F(Files, ThatAreNotFinishedAreNotThere) {
    {
        auto file = files->put("/half", 0644);
        ASSERT_TRUE(file);
        ASSERT_TRUE(file->write("hal"));
        EXPECT_EQ(names("/"), std::vector<std::string>{});
    }
    EXPECT_EQ(names("/"), std::vector<std::string>{});
    std::ofstream(root / ".cutover-incoming" / "9") << "of an agent that was killed";
    const auto again = FileRoot::open(root);
    EXPECT_TRUE(fs::is_empty(root / ".cutover-incoming"));
}

TEST_F(Files, OutsideTheFolderAreNotReached) {
    std::ofstream(folder->path() / "secret") << "secret";
    fs::create_symlink("../secret", root / "link");
    fs::create_directory_symlink("..", root / "up");
    fs::create_symlink(folder->path() / "secret", root / "absolute");
    for (const auto* const path : {"/link", "/up/secret", "/absolute"})
        EXPECT_EQ(get(path), "door.gnoi_outside") << path;
    EXPECT_EQ(put("/up/new", "x"), "door.gnoi_outside");
    EXPECT_EQ(put("/link", "x"), "door.gnoi_not_a_file");
    EXPECT_EQ(remove("/up/secret"), "door.gnoi_outside");
    for (const auto* const path : {"/../secret", "/a/../../secret", "secret", "", "/.", "/a/./b"})
        EXPECT_EQ(get(path), "door.gnoi_bad_request") << path;
    EXPECT_TRUE(fs::exists(folder->path() / "secret"));
    EXPECT_FALSE(fs::exists(folder->path() / "new"));
}

TEST_F(Files, OnlyAreReadAndRemoved) {
    EXPECT_EQ(put("/a/b", "x"), "kept");
    ASSERT_EQ(::mkfifo((root / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(get("/a"), "door.gnoi_not_a_file");
    EXPECT_EQ(get("/pipe"), "door.gnoi_not_a_file");
    EXPECT_EQ(remove("/a"), "door.gnoi_not_a_file");
    EXPECT_EQ(put("/a", "x"), "door.gnoi_not_a_file");
    EXPECT_EQ(put("/.cutover-incoming/x", "x"), "door.gnoi_bad_request");
}

}  // namespace
}  // namespace cutover::gnoi_door
