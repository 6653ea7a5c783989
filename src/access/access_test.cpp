#include "access/access.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/audit_files.h"
#include "access/caller.h"
#include "access/refusal_limit.h"
#include "access/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "crypto/password_hash.h"
#include "model/security_config.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kReading = "/gnoi.os.OS/Verify";
constexpr std::string_view kChanging = "/gnoi.os.OS/Install";

class AccessTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(temp_);
        const auto hash = PasswordHash::make("correct horse");
        ASSERT_TRUE(hash);
        ASSERT_TRUE(change_users(temp_->path(), [&](std::vector<User>& users) -> Result<> {
            users.push_back({.name = "alice",
                             .role = Role::viewer,
                             .password = *hash,
                             .changed = "2026-11-22T10:00:00Z"});
            return {};
        }));
        reopen();
    }
    void reopen() {
        access_.reset();
        auto opened = Access::open(temp_->path(), config_, *log_);
        ASSERT_TRUE(opened) << opened.error().text();
        access_ = *std::move(opened);
    }
    // "method result who" of each line.
    std::vector<std::string> account() const {
        std::vector<std::string> found;
        const auto lines = last_audit_lines(temp_->path(), 100);
        EXPECT_TRUE(lines);
        for (const auto& line : *lines)
            found.push_back(line.parsed->entry.method + " " + line.parsed->entry.result + " " +
                            line.parsed->entry.who);
        return found;
    }

    Result<TempFolder> temp_ = TempFolder::create(testing::TempDir(), "access");
    std::unique_ptr<Log> log_ = Log::silent();
    SecurityConfig config_{
        .certificates = {{"ems.example.net", Role::operator_}, {"noc", Role::viewer}}};
    std::unique_ptr<Access> access_;
};

TEST_F(AccessTest, TheFirstNameOfACertificateThatHasARoleCounts) {
    const auto caller = access_->identify(
        {.from = "x", .certificate_names = {"other.example.net", "noc", "ems.example.net"}});
    ASSERT_TRUE(caller) << caller.error().text();
    EXPECT_EQ(caller->name, "noc");
    EXPECT_EQ(caller->proof, Proof::certificate);
    EXPECT_EQ(caller->role, Role::viewer);
    EXPECT_EQ(access_->identify({.certificate_names = {"NOC"}}).error().id, "access.unknown");
}

TEST_F(AccessTest, AWrongPasswordIsNotMadeGoodBySomethingElse) {
    Presented presented{.from = "unix",
                        .user = "alice",
                        .password = "wrong horse",
                        .certificate_names = {"ems.example.net"},
                        .local_user = 0,
                        .plaintext = Role::admin};
    EXPECT_EQ(access_->identify(presented).error().id, "access.unknown");
    presented.password = "correct horse";
    const auto caller = access_->identify(presented);
    ASSERT_TRUE(caller) << caller.error().text();
    EXPECT_EQ(caller->role, Role::viewer);  // and not more
    presented.user.reset();
    EXPECT_EQ(access_->identify(presented)->proof, Proof::certificate);
    presented.certificate_names = {"unknown"};
    EXPECT_EQ(access_->identify(presented).error().id, "access.unknown");
    presented.certificate_names.clear();
    EXPECT_EQ(access_->identify(presented)->proof, Proof::local);
    presented.local_user.reset();
    EXPECT_EQ(access_->identify(presented)->proof, Proof::plaintext);
    presented.plaintext.reset();
    EXPECT_EQ(access_->identify(presented).error().id, "access.unknown");
}

TEST_F(AccessTest, RootAndTheAgentsOwnUserAreAdmins) {
    for (const unsigned uid : {0U, static_cast<unsigned>(::geteuid())}) {
        const auto caller = access_->identify({.from = "unix", .local_user = uid});
        ASSERT_TRUE(caller) << caller.error().text();
        EXPECT_EQ(caller->role, Role::admin);
    }
}

// daemon, bin and sys are users of every Debian, each with a group of its name.
TEST_F(AccessTest, OtherLocalUsersHaveTheRoleOfTheirRowOrOfAGroup) {
    const auto role = [&](unsigned uid) -> std::optional<Role> {
        const auto caller = access_->identify({.from = "unix", .local_user = uid});
        return caller ? std::optional(caller->role) : std::nullopt;
    };
    EXPECT_EQ(role(1), std::nullopt);
    config_.local = {{"@daemon", Role::operator_}, {"bin", Role::viewer}, {"@bin", Role::admin}};
    reopen();
    EXPECT_EQ(role(1), Role::operator_);
    EXPECT_EQ(role(2), Role::viewer);  // the row of the user, not that of the group
    EXPECT_EQ(role(3), std::nullopt);
    EXPECT_EQ(role(4'000'000'000), std::nullopt);
}

TEST_F(AccessTest, ARoleMayDoWhatThoseBelowItMay) {
    const auto may = [&](Role role, std::string_view method) {
        const auto allowed = access_->permit({.name = "x", .role = role}, method);
        EXPECT_TRUE(allowed || allowed.error().id == "access.role");
        return allowed.has_value();
    };
    EXPECT_TRUE(may(Role::viewer, kReading));
    EXPECT_TRUE(may(Role::admin, kReading));
    EXPECT_FALSE(may(Role::viewer, kChanging));
    EXPECT_TRUE(may(Role::operator_, kChanging));
    EXPECT_FALSE(may(Role::operator_, "/gnoi.file.File/Put"));
    EXPECT_FALSE(may(Role::operator_, "/unknown.Service/Method"));
    EXPECT_TRUE(may(Role::admin, "/unknown.Service/Method"));
}

TEST_F(AccessTest, ARefusalSaysWhoseRoleAndWhichIsNeeded) {
    const auto refused = access_->permit({.name = "alice", .role = Role::viewer}, kChanging);
    EXPECT_EQ(refused.error().message,
              "alice is viewer, and /gnoi.os.OS/Install needs the role operator");
}

TEST_F(AccessTest, ChangesAndRefusalsAreWrittenDownAndReadingIsNot) {
    const Caller alice{.name = "alice", .proof = Proof::password, .from = "x"};
    access_->record(alice, kReading, "ok", "");
    access_->record(alice, kReading, "general.io", "");
    access_->record(alice, kChanging, "ok", "nos 1.2.0");
    access_->record(alice, kChanging, "transfer.wrong_checksum", "nos 1.2.0");
    access_->record(alice, kReading, "access.role", "");
    access_->record(alice, "/unknown.Service/Method", "ok", "");
    EXPECT_THAT(account(), ElementsAre("/gnoi.os.OS/Install ok alice",
                                       "/gnoi.os.OS/Install transfer.wrong_checksum alice",
                                       "/gnoi.os.OS/Verify access.role alice",
                                       "/unknown.Service/Method ok alice"));
}

TEST_F(AccessTest, AChangeIsWrittenDownBeforeItIsDoneAndItsEndNamesThatLine) {
    const Caller alice{.name = "alice", .proof = Proof::password, .from = "x"};
    EXPECT_EQ(access_->record_begun(alice, kReading, ""), 0U);
    const auto first = access_->record_begun(alice, kChanging, "nos 1.2.0");
    const auto second = access_->record_begun(alice, kChanging, "nos 1.3.0");
    EXPECT_EQ(first, 1U);
    EXPECT_EQ(second, 2U);
    access_->record(alice, kChanging, "ok", "nos 1.3.0", second);
    EXPECT_THAT(account(),
                ElementsAre("/gnoi.os.OS/Install begun alice", "/gnoi.os.OS/Install begun alice",
                            "/gnoi.os.OS/Install ok alice"));
    const auto lines = last_audit_lines(temp_->path(), 100);
    ASSERT_TRUE(lines);
    EXPECT_EQ(lines->at(1).parsed->entry.begun, 0U);
    EXPECT_EQ(lines->at(2).parsed->entry.begun, second);
    reopen();
    EXPECT_EQ(access_->record_begun(alice, kChanging, ""), 4U) << "of all lines there are";
    EXPECT_FALSE(verify_audit_log(temp_->path())->problem);
}

TEST_F(AccessTest, ARefusalOfNobodySaysWhoTheyClaimedToBeAndNotTheirPassword) {
    const Presented presented{.from = "ipv4:192.0.2.1:1", .user = "alice", .password = "s3cret!!"};
    const auto refused = access_->identify(presented);
    access_->record_refusal(presented, kReading, refused.error());
    EXPECT_THAT(account(), ElementsAre("/gnoi.os.OS/Verify access.unknown alice"));
    const auto lines = last_audit_lines(temp_->path(), 10);
    EXPECT_THAT(lines->front().text, HasSubstr("ipv4:192.0.2.1:1"));
    EXPECT_EQ(lines->front().text.find("s3cret"), std::string::npos);
}

TEST_F(AccessTest, ManyRefusalsOfNobodyAreSomeLinesAndACount) {
    const Presented presented{.from = "ipv4:192.0.2.1:1", .user = "alice"};
    const auto why = make_error(Errc::refused, "no");
    constexpr std::size_t kMany = 60;
    for (std::size_t i = 0; i < kMany; ++i) access_->record_refusal(presented, kReading, why);
    reopen();  // writes what is counted
    const auto lines = last_audit_lines(temp_->path(), 1000);
    std::size_t told = 0;
    for (const auto& line : *lines) {
        const auto& entry = line.parsed->entry;
        told += entry.method == "audit log" ? std::stoul(entry.detail) : 1;
    }
    EXPECT_EQ(told, kMany);
}

TEST(RefusalLimit, WritesTenASecondAndCountsTheRestInOneLine) {
    RefusalLimit limit;
    const auto begin = *from_iso8601("2026-11-22T10:00:00Z");
    const auto ask = [&](int millisecond) {
        return limit.ask("", "access.unknown", begin + std::chrono::milliseconds(millisecond));
    };
    for (int i = 0; i < 25; ++i) {
        const auto verdict = ask(i * 10);
        EXPECT_EQ(verdict.written, i < 10) << i;
        EXPECT_TRUE(verdict.counted.empty()) << i;
    }
    const auto next = ask(1500);
    EXPECT_TRUE(next.written);
    ASSERT_EQ(next.counted.size(), 1U);
    EXPECT_EQ(next.counted.front().detail, "15 more were refused in this second");
    EXPECT_EQ(next.counted.front().time, "2026-11-22T10:00:00Z");
    EXPECT_EQ(next.counted.front().result, "access.unknown");
    EXPECT_TRUE(ask(2500).counted.empty());
    EXPECT_TRUE(limit.close().empty());
}

TEST(RefusalLimit, OneCallerDoesNotHideWhatAnotherIsRefused) {
    RefusalLimit limit;
    const auto now = *from_iso8601("2026-11-22T10:00:00Z");
    for (int i = 0; i < 20; ++i) limit.ask("mallory", "access.role", now);
    EXPECT_TRUE(limit.ask("alice", "access.role", now).written);
    const auto counted = limit.close();
    ASSERT_EQ(counted.size(), 1U);
    EXPECT_EQ(counted.front().who, "mallory");
}

TEST(RefusalLimit, HoldsABoundedNumberOfCallers) {
    RefusalLimit limit;
    const auto now = *from_iso8601("2026-11-22T10:00:00Z");
    int written = 0;
    for (int i = 0; i < 1000; ++i)
        written += limit.ask(fmt::format("caller {}", i), "access.role", now).written ? 1 : 0;
    EXPECT_EQ(written, static_cast<int>(RefusalLimit::kMaxCallers) + RefusalLimit::kMost);
    ASSERT_EQ(limit.close().size(), 1U);
}

TEST_F(AccessTest, TheFolderIsItsOwnersAlone) {
    EXPECT_EQ(std::filesystem::status(temp_->path() / "access").permissions(),
              std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace cutover
