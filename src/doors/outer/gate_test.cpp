#include "doors/outer/gate.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/access.h"
#include "access/audit_files.h"
#include "access/caller.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "model/security_config.h"

namespace cutover {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr const char* kReading = "/gnoi.os.OS/Verify";
constexpr const char* kChanging = "/gnoi.os.OS/Activate";

// Answers of calls, which come by any thread.
class Answers {
public:
    Gate::Answer next() {
        const std::scoped_lock lock(mutex_);
        ++open_;
        return [this](const Result<>& may) {
            const std::scoped_lock inner(mutex_);
            given_.push_back(may ? "ok" : may.error().id);
            --open_;
            change_.notify_all();
        };
    }
    std::vector<std::string> all() {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(change_.wait_for(lock, std::chrono::minutes(1), [&] { return open_ == 0; }));
        return given_;
    }

private:
    std::mutex mutex_;
    std::condition_variable change_;
    int open_ = 0;
    std::vector<std::string> given_;
};

class GateTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(temp_);
        auto opened = Access::open(temp_->path(),
                                   {.certificates = {{"viewer.example.net", Role::viewer},
                                                     {"ems.example.net", Role::operator_}}},
                                   *log_);
        ASSERT_TRUE(opened) << opened.error().text();
        access_ = *std::move(opened);
    }

    // What gRPC knows a connection by; it is only compared.
    const grpc_auth_context* connection(std::size_t number) const {
        return reinterpret_cast<const grpc_auth_context*>(&connections_.at(number));
    }
    Question by_certificate(const char* method, const char* name, std::size_t number = 0) const {
        return {.method = method, .certificate_names = {name}, .connection = connection(number)};
    }
    std::string ask(Gate& gate, Place& place, const Question& question) const {
        Answers answers;
        gate.ask(place, question, answers.next());
        return answers.all().back();
    }
    std::vector<std::string> account() const {
        std::vector<std::string> found;
        const auto lines = last_audit_lines(temp_->path(), 1000);
        EXPECT_TRUE(lines);
        for (const auto& line : *lines)
            found.push_back(line.parsed->entry.method + " " + line.parsed->entry.result + " " +
                            line.parsed->entry.who);
        return found;
    }

    Result<TempFolder> temp_ = TempFolder::create(testing::TempDir(), "gate");
    std::unique_ptr<Log> log_ = Log::silent();
    std::unique_ptr<Access> access_;
    std::array<char, 4> connections_{};
};

TEST_F(GateTest, EachCallIsAskedAboutByItsOwnRole) {
    Gate gate(access_.get(), std::nullopt);
    Place place;
    gate.enter(place, {.from = "ipv4:192.0.2.1:1", .user = {}});
    EXPECT_EQ(ask(gate, place, by_certificate(kReading, "viewer.example.net")), "ok");
    EXPECT_EQ(ask(gate, place, by_certificate(kChanging, "viewer.example.net")), "access.role")
        << "that one call was let in says nothing of the next";
    EXPECT_EQ(ask(gate, place, by_certificate(kChanging, "ems.example.net")), "ok");
    EXPECT_EQ(ask(gate, place, by_certificate(kReading, "nobody.example.net")), "access.unknown");
    EXPECT_EQ(ask(gate, place, {.method = kReading, .connection = connection(0)}),
              "access.unknown");
    EXPECT_THAT(account(), ElementsAre("/gnoi.os.OS/Activate access.role viewer.example.net",
                                       "/gnoi.os.OS/Verify access.unknown nobody.example.net",
                                       "/gnoi.os.OS/Verify access.unknown "));
}

TEST_F(GateTest, AHandlerIsToldWhoCallsByWhichConnection) {
    Gate gate(access_.get(), std::nullopt);
    Place place;
    gate.enter(place, {.from = "ipv4:192.0.2.1:1", .user = {}});
    EXPECT_FALSE(gate.proven(place));
    EXPECT_EQ(ask(gate, place, by_certificate(kChanging, "viewer.example.net")), "access.role");
    EXPECT_FALSE(gate.proven(place)) << "nothing was let in";
    EXPECT_EQ(ask(gate, place, by_certificate(kReading, "viewer.example.net")), "ok");
    EXPECT_TRUE(gate.proven(place));
    const auto caller = gate.caller(connection(0), "");
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->name, "viewer.example.net");
    EXPECT_EQ(caller->from, "ipv4:192.0.2.1:1");
    EXPECT_EQ(gate.caller(connection(0), "alice"), std::nullopt);
    EXPECT_EQ(gate.caller(connection(1), ""), std::nullopt);

    gate.enter(place, {.from = "ipv4:192.0.2.2:2", .user = {}});
    EXPECT_FALSE(gate.proven(place));
    EXPECT_EQ(gate.caller(connection(0), ""), std::nullopt) << "of the last one nothing is left";
}

TEST_F(GateTest, TheKernelTellsWhoComesByASocket) {
    Gate gate(access_.get(), std::nullopt);
    Place place;
    gate.enter(place, {.from = "unix", .user = 0});
    EXPECT_EQ(ask(gate, place, {.method = kChanging, .connection = connection(0)}), "ok");
    EXPECT_EQ(gate.caller(connection(0), "")->name, "root");
    gate.enter(place, {.from = "unix", .user = 65'533});
    EXPECT_EQ(ask(gate, place, {.method = kReading, .connection = connection(1)}),
              "access.unknown");
}

TEST_F(GateTest, WithoutEncryptionWhoBringsNoProofHasTheDoorsRole) {
    Gate gate(access_.get(), Role::viewer);
    Place place;
    gate.enter(place, {.from = "ipv4:192.0.2.1:1", .user = {}});
    EXPECT_EQ(ask(gate, place, {.method = kReading, .connection = connection(0)}), "ok");
    EXPECT_EQ(ask(gate, place, {.method = kChanging, .connection = connection(0)}), "access.role");
    EXPECT_EQ(ask(gate, place, {.method = kReading, .user = "alice", .connection = connection(0)}),
              "access.unknown")
        << "a wrong password is not made good by none";
}

TEST_F(GateTest, WhoseCallIsUnclearIsRefused) {
    Gate gate(access_.get(), Role::admin);
    Place place;
    const Question two{.method = kReading, .connection = connection(0), .unclear = true};
    EXPECT_EQ(ask(gate, place, two), "door.unclear_user");
    const Question long_name{
        .method = kReading, .user = std::string(257, 'a'), .connection = connection(0)};
    EXPECT_EQ(ask(gate, place, long_name), "door.unclear_user");
    const Question long_password{.method = kReading,
                                 .user = "alice",
                                 .password = std::string(1025, 'a'),
                                 .connection = connection(0)};
    EXPECT_EQ(ask(gate, place, long_password), "door.unclear_user");
}

TEST_F(GateTest, ManyPasswordsWaitAndMoreAreRefusedAtOnce) {
    Gate gate(access_.get(), std::nullopt);
    Place place;
    Answers answers;
    for (int i = 0; i < 200; ++i)
        gate.ask(place,
                 {.method = kReading, .user = "alice", .password = "guess", .connection = nullptr},
                 answers.next());
    EXPECT_EQ(ask(gate, place, by_certificate(kReading, "ems.example.net")), "ok")
        << "who needs no password does not wait for them";
    const auto given = answers.all();
    ASSERT_EQ(given.size(), 200U);
    EXPECT_GT(std::ranges::count(given, "door.busy"), 0);
    EXPECT_GT(std::ranges::count(given, "access.too_many"), 0);
    EXPECT_EQ(std::ranges::count(given, "ok"), 0);
}

TEST_F(GateTest, AfterItIsClosedNobodyIsLetInAndNobodyWaits) {
    Gate gate(access_.get(), std::nullopt);
    Place place;
    Answers answers;
    for (int i = 0; i < 20; ++i)
        gate.ask(place,
                 {.method = kReading, .user = "alice", .password = "guess", .connection = nullptr},
                 answers.next());
    gate.close();
    EXPECT_EQ(answers.all().size(), 20U) << "each is told something";
    EXPECT_EQ(ask(gate, place, by_certificate(kReading, "ems.example.net")), "door.closing");
    const Question password{.method = kReading, .user = "alice", .connection = nullptr};
    EXPECT_EQ(ask(gate, place, password), "door.closing");
}

TEST_F(GateTest, WithoutAccessEverybodyIsAnAdministrator) {
    Gate gate(nullptr, std::nullopt);
    Place place;
    gate.enter(place, {.from = "unix", .user = 65'533});
    EXPECT_EQ(ask(gate, place, {.method = "/any.Service/Method", .connection = connection(0)}),
              "ok");
    EXPECT_EQ(gate.caller(connection(0), "")->role, Role::admin);
}

}  // namespace
}  // namespace cutover
