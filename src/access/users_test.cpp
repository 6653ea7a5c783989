#include "access/users.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "crypto/password_hash.h"
#include "model/security_config.h"

namespace cutover {
namespace {

class Users : public testing::Test {
protected:
    Result<> add(const std::string& name, Role role) const {
        return change_users(folder(), [&](std::vector<User>& users) -> Result<> {
            users.push_back({.name = name,
                             .role = role,
                             .password = PasswordHash::of_nobody(),
                             .changed = "2026-11-22T10:00:00Z"});
            return {};
        });
    }
    std::filesystem::path folder() const { return temp_->path(); }
    std::filesystem::path file() const { return folder() / "access" / "users.json"; }

private:
    Result<TempFolder> temp_ = TempFolder::create(testing::TempDir(), "users");
};

TEST_F(Users, NoFileIsNoUsers) {
    const auto users = load_users(folder());
    ASSERT_TRUE(users) << users.error().text();
    EXPECT_TRUE(users->empty());
}

TEST_F(Users, AreKeptInOrderForTheirOwnerAlone) {
    ASSERT_TRUE(add("bob", Role::admin));
    ASSERT_TRUE(add("alice", Role::operator_));
    const auto users = load_users(folder());
    ASSERT_TRUE(users) << users.error().text();
    ASSERT_EQ(users->size(), 2U);
    EXPECT_EQ(users->front().name, "alice");
    EXPECT_EQ(users->front().role, Role::operator_);
    EXPECT_EQ(users->back().changed, "2026-11-22T10:00:00Z");
    struct stat status{};
    ASSERT_EQ(::stat(file().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat(file().parent_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(Users, AChangeThatFailsKeepsNothing) {
    ASSERT_TRUE(add("alice", Role::viewer));
    const auto changed = change_users(folder(), [](std::vector<User>& users) -> Result<> {
        users.clear();
        return fail(Errc::refused, "no");
    });
    EXPECT_FALSE(changed);
    EXPECT_EQ(load_users(folder())->size(), 1U);
}

TEST_F(Users, EveryShorterOrChangedFileIsDamaged) {
    ASSERT_TRUE(add("alice", Role::viewer));
    const auto good = read_file(file(), 10'000);
    ASSERT_TRUE(good);
    for (std::size_t size = 0; size + 2 < good->size(); ++size) {
        std::ofstream(file(), std::ios::trunc) << good->substr(0, size);
        const auto users = load_users(folder());
        ASSERT_FALSE(users) << size;
        EXPECT_EQ(users.error().id, "access.users_damaged");
    }
}

TEST_F(Users, WhatCutoverWouldNotWriteIsDamaged) {
    ASSERT_TRUE(add("alice", Role::viewer));
    const auto good = *read_file(file(), 10'000);
    const auto with = [&](std::string_view what, std::string_view by) {
        auto text = good;
        text.replace(text.find(what), what.size(), by);
        return text;
    };
    const auto user = good.substr(good.find("    {"), good.rfind("  ]") - good.find("    {") - 1);
    for (const auto& text :
         {with("viewer", "root"), with("\"format\": 1", "\"format\": 2"), with("alice", ""),
          with("alice", "../alice"), with("scrypt$15", "scrypt$01"), with("\"role\"", "\"rule\""),
          with("\"users\": [", "\"users\": [ 7,"), with("2026", "none"),
          with(user, user + "," + user), std::string("[]"), std::string("null"), good + good}) {
        ASSERT_TRUE(write_file_durably(file(), text));
        EXPECT_FALSE(load_users(folder())) << text;
    }
}

TEST_F(Users, AFileThatOthersCouldHaveWrittenIsDamaged) {
    ASSERT_TRUE(add("alice", Role::viewer));
    ASSERT_EQ(::chmod(file().c_str(), 0620), 0);
    EXPECT_FALSE(load_users(folder()));
    ASSERT_EQ(::chmod(file().c_str(), 0602), 0);
    EXPECT_FALSE(load_users(folder()));
    ASSERT_EQ(::chmod(file().c_str(), 0640), 0);
    EXPECT_TRUE(load_users(folder()));
    std::filesystem::rename(file(), folder() / "elsewhere");
    std::filesystem::create_symlink(folder() / "elsewhere", file());
    EXPECT_FALSE(load_users(folder()));
}

TEST_F(Users, ADamagedFileIsNotChanged) {
    ASSERT_TRUE(add("alice", Role::viewer));
    ASSERT_TRUE(write_file_durably(file(), "{"));
    EXPECT_FALSE(add("bob", Role::viewer));
    EXPECT_EQ(*read_file(file(), 100), "{");
}

TEST(UserNames, AreShortAndPlain) {
    for (const auto* name : {"alice", "a", "R2-D2", "ems@example.net", "x._@-"})
        EXPECT_TRUE(is_user_name(name)) << name;
    for (const auto* name : {"", "-a", "@ops", ".a", "a b", "a\nb", "ä", "a/b", "a\"",
                             "a23456789012345678901234567890123"})
        EXPECT_FALSE(is_user_name(name)) << name;
}

}  // namespace
}  // namespace cutover
