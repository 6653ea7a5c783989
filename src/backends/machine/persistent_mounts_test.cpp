#include "backends/machine/persistent_mounts.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

struct PersistentMountsTest : testing::Test {
    void SetUp() override {
        // A mount namespace of this thread's own, which ends with the test program.
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            GTEST_SKIP() << "only root can mount";
        put(root / "etc/nos.conf", "as the base brought it");
        put(root / "var/lib/nos/db", "empty");
        ::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr);
        ::mount(nullptr, root.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr);
    }
    void TearDown() override {
        ::umount2((root / "etc/nos.conf").c_str(), MNT_DETACH);
        ::umount2((root / "var/lib/nos").c_str(), MNT_DETACH);
        ::umount2(root.c_str(), MNT_DETACH);
    }
    static void put(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    static std::string text(const fs::path& path) {
        return read_file(path, 1000).value_or("(none)");
    }

    TempFolder folder = TempFolder::create(testing::TempDir(), "mounts").value();
    fs::path root = folder.path() / "root";
    fs::path persist = folder.path() / "persist" / "a";
    std::vector<std::string> paths{"etc/nos.conf", "var/lib/nos"};
};

TEST_F(PersistentMountsTest, FilesOfAReadOnlyRootCanBeChangedAndAreKept) {
    const auto shown = show_persistent(root, persist, paths);
    ASSERT_TRUE(shown) << shown.error().text();
    EXPECT_EQ(shown->shown, 2U);
    EXPECT_EQ(text(root / "etc/nos.conf"), "as the base brought it");
    std::ofstream(root / "etc/nos.conf") << "mine";
    std::ofstream(root / "var/lib/nos/more") << "more";
    EXPECT_EQ(text(persist / "etc/nos.conf"), "mine");
    EXPECT_EQ(text(persist / "var/lib/nos/more"), "more");
}

TEST_F(PersistentMountsTest, WhatWasCarriedFromTheBaseBeforeIsShown) {
    put(persist / "etc/nos.conf", "carried");
    ASSERT_TRUE(show_persistent(root, persist, paths));
    EXPECT_EQ(text(root / "etc/nos.conf"), "carried");
    EXPECT_EQ(text(root / "var/lib/nos/db"), "empty");
}

TEST_F(PersistentMountsTest, RepeatingMountsNothingTwice) {
    ASSERT_TRUE(show_persistent(root, persist, paths));
    ASSERT_TRUE(show_persistent(root, persist, paths));
    EXPECT_EQ(::umount2((root / "etc/nos.conf").c_str(), 0), 0);
    EXPECT_NE(::umount2((root / "etc/nos.conf").c_str(), 0), 0);
}

TEST_F(PersistentMountsTest, APathForWhichTheBaseHasNoPlaceIsTold) {
    const auto shown = show_persistent(root, persist, {"etc/nos.conf", "no/such"});
    ASSERT_TRUE(shown);
    EXPECT_THAT(shown->left_out, ElementsAre("no/such"));
}

}  // namespace
}  // namespace cutover
