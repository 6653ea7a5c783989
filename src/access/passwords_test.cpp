#include "access/passwords.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "access/caller.h"
#include "access/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "crypto/password_hash.h"
#include "model/security_config.h"

namespace cutover {
namespace {

using std::chrono::seconds;

class PasswordsTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(temp_ && key_);
        log_ = *Log::open({.to_stderr = false, .json_file = temp_->path() / "log"});
        passwords_ = std::make_unique<Passwords>(temp_->path(), *log_, *key_);
        set("alice", "correct horse");
    }
    void set(const std::string& name, const std::string& password) const {
        const auto hash = PasswordHash::make(password);
        ASSERT_TRUE(hash);
        ASSERT_TRUE(change_users(temp_->path(), [&](std::vector<User>& users) -> Result<> {
            std::erase_if(users, [&](const User& user) { return user.name == name; });
            users.push_back({.name = name,
                             .role = Role::operator_,
                             .password = *hash,
                             .changed = "2026-11-22T10:00:00Z"});
            return {};
        }));
    }
    // "ok", or the error's id.
    std::string ask(const std::string& user, const std::string& password, int second = 0,
                    const std::string& from = "ipv4:192.0.2.1:40312") const {
        const auto caller =
            passwords_->identify({.from = from, .user = user, .password = password},
                                 SteadyTime(std::chrono::hours(1) + seconds(second)));
        if (!caller) return caller.error().id;
        EXPECT_EQ(caller->name, user);
        EXPECT_EQ(caller->proof, Proof::password);
        EXPECT_EQ(caller->from, from);
        EXPECT_EQ(caller->role, Role::operator_);
        return "ok";
    }
    std::string log_text() const { return *read_file(temp_->path() / "log", 100'000); }
    std::filesystem::path users_file() const { return temp_->path() / "access" / "users.json"; }

    Result<TempFolder> temp_ = TempFolder::create(testing::TempDir(), "passwords");
    Result<ProcessKey> key_ = ProcessKey::make();
    std::unique_ptr<Log> log_;
    std::unique_ptr<Passwords> passwords_;
};

TEST_F(PasswordsTest, TheRightOneLetsInAndAWrongOneDoesNot) {
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
    EXPECT_EQ(ask("alice", "wrong horse"), "access.unknown");
    EXPECT_EQ(ask("alice", ""), "access.unknown");
    EXPECT_EQ(ask("mallory", "correct horse"), "access.unknown");
}

TEST_F(PasswordsTest, OneThatWasRightIsKnownAgainForFiveMinutes) {
    EXPECT_EQ(ask("alice", "correct horse", 0), "ok");
    for (int second = 0; second < 300; second += 10)
        EXPECT_EQ(ask("alice", "correct horse", second), "ok");
    EXPECT_EQ(passwords_->checked(), 1U);
    EXPECT_EQ(ask("alice", "correct horse", 300), "ok");
    EXPECT_EQ(passwords_->checked(), 2U);
}

TEST_F(PasswordsTest, OneThatWasRightIsKnownAgainOnlyWhereItCameFrom) {
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
    EXPECT_EQ(ask("alice", "correct horse", 0, "ipv4:192.0.2.1:9"), "ok");
    EXPECT_EQ(passwords_->checked(), 1U);
    EXPECT_EQ(ask("alice", "correct horse", 0, "ipv4:192.0.2.2:9"), "ok");
    EXPECT_EQ(passwords_->checked(), 2U);
}

TEST_F(PasswordsTest, AnUnknownUserTakesAsLongAsAWrongPassword) {
    EXPECT_EQ(ask("mallory", "guess"), "access.unknown");
    EXPECT_EQ(passwords_->checked(), 1U);
    EXPECT_EQ(ask("no name\n", "guess"), "access.unknown");
    EXPECT_EQ(passwords_->checked(), 2U);
}

TEST_F(PasswordsTest, ANewPasswordMakesTheOldOneUnknownAtOnce) {
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
    set("alice", "battery staple");
    EXPECT_EQ(ask("alice", "correct horse"), "access.unknown");
    EXPECT_EQ(ask("alice", "battery staple"), "ok");
}

TEST_F(PasswordsTest, ARemovedUserIsUnknownAtOnce) {
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
    ASSERT_TRUE(change_users(temp_->path(), [](std::vector<User>& users) -> Result<> {
        users.clear();
        return {};
    }));
    EXPECT_EQ(ask("alice", "correct horse"), "access.unknown");
}

TEST_F(PasswordsTest, ADamagedFileRefusesAllAndIsLoggedOnce) {
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
    ASSERT_TRUE(write_file_durably(users_file(), "{\"format\":1"));
    EXPECT_EQ(ask("alice", "correct horse"), "access.unknown");
    EXPECT_EQ(ask("alice", "correct horse"), "access.unknown");
    const auto text = log_text();
    EXPECT_NE(text.find("access.users_damaged"), std::string::npos);
    EXPECT_EQ(text.find("access.users_damaged"), text.rfind("access.users_damaged"));
    std::filesystem::remove(users_file());
    set("alice", "correct horse");
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
}

TEST_F(PasswordsTest, AfterFiveWrongOnesEvenTheRightOneIsRefusedForAMinute) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("alice", "guess", 0), "access.unknown");
    EXPECT_EQ(ask("alice", "guess", 0), "access.too_many");
    EXPECT_EQ(ask("alice", "correct horse", 59), "access.too_many");
    EXPECT_EQ(passwords_->checked(), 5U);  // what is refused costs nothing
    EXPECT_EQ(ask("alice", "correct horse", 60), "ok");
}

TEST_F(PasswordsTest, AnAddressIsRefusedWhateverTheUser) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(fmt::format("user{}", i), "guess"), "access.unknown");
    EXPECT_EQ(ask("alice", "correct horse"), "access.too_many");
    EXPECT_EQ(ask("alice", "correct horse", 0, "ipv4:192.0.2.2:9"), "ok");
}

TEST_F(PasswordsTest, AUserIsRefusedWhateverTheAddress) {
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(ask("alice", "guess", 0, fmt::format("ipv4:192.0.2.{}:1", i + 10)),
                  "access.unknown");
    EXPECT_EQ(ask("alice", "correct horse"), "access.too_many");
}

TEST_F(PasswordsTest, WhoIsKnownAtAnAddressIsNotLockedOutFromElsewhere) {
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(ask("alice", "guess", 0, "ipv4:198.51.100.1:1"), "access.unknown");
    EXPECT_EQ(ask("alice", "guess", 0, "ipv4:198.51.100.2:1"), "access.too_many");
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
}

TEST_F(PasswordsTest, NobodyOutsideLocksOutALocalUser) {
    for (int i = 0; i < 6; ++i) ask("alice", "guess", 0, "ipv4:198.51.100.1:1");
    const auto now = SteadyTime(std::chrono::hours(1));
    const auto by = [&](unsigned uid, const std::string& password) {
        return passwords_->identify(
            {.from = "unix", .user = "alice", .password = password, .local_user = uid}, now);
    };
    EXPECT_TRUE(by(1000, "correct horse"));
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(by(1001, "guess"));
    EXPECT_EQ(by(1001, "correct horse").error().id, "access.too_many");
    EXPECT_TRUE(by(1000, "correct horse"));
}

TEST_F(PasswordsTest, ManyRightOnesAtATimeAreOneWork) {
    std::atomic<int> let_in = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 12; ++i)
            threads.emplace_back([&] { let_in += ask("alice", "correct horse") == "ok" ? 1 : 0; });
    }
    EXPECT_EQ(let_in, 12);
    EXPECT_LE(passwords_->checked(), 2U);
}

TEST_F(PasswordsTest, ManyWrongOnesAtATimeAreNoMoreThanOneAfterTheOther) {
    std::atomic<int> unknown = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 12; ++i)
            threads.emplace_back(
                [&] { unknown += ask("alice", "guess") == "access.unknown" ? 1 : 0; });
    }
    EXPECT_EQ(unknown, 5);
    EXPECT_EQ(passwords_->checked(), 5U);
}

TEST_F(PasswordsTest, MoreThanCanWaitAreToldSo) {
    std::atomic<int> busy = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 60; ++i)
            threads.emplace_back([&, i] {
                const auto from = fmt::format("ipv4:198.51.100.{}:1", i);
                busy += ask(fmt::format("user{}", i), "guess", 0, from) == "access.busy" ? 1 : 0;
            });
    }
    EXPECT_GT(busy, 0);
    EXPECT_EQ(passwords_->checked() + static_cast<std::size_t>(busy), 60U);
    EXPECT_EQ(ask("alice", "correct horse"), "ok");
}

}  // namespace
}  // namespace cutover
