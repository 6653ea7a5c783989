// The configuration over a real socket, with a FakeDevice behind.

#include "doors/client/remote_configuration.h"  // IWYU pragma: keep

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "access/access.h"
#include "access/audit_files.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "doors/client/remote_device.h"
#include "doors/native/native_door.h"
#include "model/configuration.h"
#include "model/device.h"
#include "model/fake_device.h"

namespace cutover {
namespace {

constexpr auto* kHostname = "/ietf-system:system/hostname";
constexpr auto* kMtu = "/ietf-interfaces:interfaces/interface[name='eth0']/ietf-ip:ipv4/mtu";

ConfigEdit set(const std::string& path, const std::string& value) {
    return {.kind = ConfigEdit::Kind::set, .path = path, .value = value};
}

class RemoteConfigurationTest : public testing::Test {
protected:
    RemoteConfigurationTest()
        : folder_(*TempFolder::create(std::filesystem::temp_directory_path(), "config")) {
        open(nullptr);
    }
    void open(Access* access) {
        NativeDoor::Options options;
        options.socket = folder_.path() / "cutover.sock";
        options.access = access;
        options.shutdown_timeout = std::chrono::milliseconds(200);
        auto door = NativeDoor::start(fake_, options);
        ASSERT_TRUE(door) << door.error().text();
        door_ = *std::move(door);
        client_ = *RemoteDevice::connect(options.socket);
    }
    Configuration& remote() { return *client_->configuration(); }
    Configuration& behind() { return fake_.config(); }

    TempFolder folder_;
    FakeDevice fake_;
    std::unique_ptr<NativeDoor> door_;
    std::unique_ptr<Device> client_;
};

const ConfigSource kRunning;
const ConfigSource kMine{.kind = ConfigSource::Kind::candidate, .session = "alice"};
const ConfigSource kOwn{.kind = ConfigSource::Kind::candidate};

TEST_F(RemoteConfigurationTest, AnswersAsTheOneBehindItDoes) {
    ASSERT_TRUE(remote().edit("alice", {set(kHostname, "core"), set(kMtu, "9000")}));
    EXPECT_EQ(*remote().status(), *behind().status());
    for (const auto format : {ConfigFormat::json, ConfigFormat::xml, ConfigFormat::tree})
        EXPECT_EQ(*remote().show(kMine, "", format), *behind().show(kMine, "", format));
    EXPECT_EQ(*remote().show(kRunning, "/ietf-system:system", ConfigFormat::json),
              *behind().show(kRunning, "/ietf-system:system", ConfigFormat::json));
    EXPECT_EQ(*remote().value(kMine, kHostname), "core");
    EXPECT_EQ(*remote().value({.kind = ConfigSource::Kind::revision, .revision = 1}, kHostname),
              "lab-router");
    const auto changes = remote().changes(kRunning, kMine);
    ASSERT_TRUE(changes) << changes.error().text();
    EXPECT_EQ(changes->size(), 2U);
    EXPECT_EQ(*changes, *behind().changes(kRunning, kMine));
    EXPECT_EQ(*remote().history(1), *behind().history(1));
    EXPECT_EQ(remote().history(100)->size(), 2U);
}

TEST_F(RemoteConfigurationTest, CommitsOnTrialConfirmsSavesAndGoesBack) {
    ASSERT_TRUE(remote().edit("alice", {set(kHostname, "core")}));
    const auto committed = remote().commit({.session = "alice",
                                            .by = "somebody else",
                                            .comment = "a better name",
                                            .confirm = std::chrono::minutes(10)});
    ASSERT_TRUE(committed) << committed.error().text();
    EXPECT_EQ(committed->id, 3);
    EXPECT_EQ(committed->comment, "a better name");
    EXPECT_EQ(committed->by, "local") << "filled in by the door";
    EXPECT_EQ(fake_.config().last_commit().confirm, std::chrono::minutes(10));
    const auto trial = remote().status()->trial;
    EXPECT_EQ(trial.value_or(ConfigTrial()).back_to, 2);
    EXPECT_EQ(remote().save("").error().id, "config.on_trial");

    EXPECT_EQ(remote().commit({.session = "alice", .by = "", .comment = ""})->id, 3);
    EXPECT_FALSE(remote().status()->trial);
    ASSERT_TRUE(remote().save("somebody else"));
    EXPECT_EQ(fake_.config().saved_by(), "local");
    EXPECT_EQ(remote().status()->startup, 3);
    EXPECT_EQ(remote().rollback(1, "")->comment, "rollback to revision 1");
    EXPECT_EQ(*remote().value(kRunning, kHostname), "lab-router");
}

TEST_F(RemoteConfigurationTest, GivesWhoNamesNoSessionTheOneOfTheirName) {
    ASSERT_TRUE(remote().edit("", {set(kHostname, "core")}));
    const auto candidates = remote().status()->candidates;
    ASSERT_EQ(candidates.size(), 1U);
    EXPECT_EQ(candidates.front().session, "local");
    EXPECT_EQ(*remote().value(kOwn, kHostname), "core");
    EXPECT_EQ(*remote().value(kMine, kHostname), "lab-router") << "another session sees nothing";
    ASSERT_TRUE(remote().discard(""));
    EXPECT_EQ(*remote().value(kOwn, kHostname), "lab-router");
    ASSERT_TRUE(remote().edit("", {set(kHostname, "edge")}));
    ASSERT_TRUE(remote().commit({.session = "", .by = "", .comment = ""}));
    EXPECT_EQ(*remote().value(kRunning, kHostname), "edge");
}

// Each line without its hashes: "METHOD RESULT DETAIL".
std::vector<std::string> account_in(const std::filesystem::path& folder) {
    std::vector<std::string> found;
    const auto lines = last_audit_lines(folder, 100);
    EXPECT_TRUE(lines);
    for (const auto& line : *lines) {
        if (!line.parsed) continue;
        const auto& entry = line.parsed->entry;
        found.push_back(fmt::format("{} {} {}", entry.method, entry.result, entry.detail));
    }
    return found;
}

TEST_F(RemoteConfigurationTest, KnowsWhoAsksAndWritesDownWhatTheyDidButNoValue) {
    const auto log = Log::silent();
    const auto access = Access::open(folder_.path(), {}, *log);
    ASSERT_TRUE(access) << access.error().text();
    door_.reset();
    open(access->get());
    ASSERT_TRUE(remote().edit("", {set(kMtu, "secret")}));
    const auto candidates = remote().status()->candidates;
    ASSERT_EQ(candidates.size(), 1U);
    const auto me = candidates.front().session;
    EXPECT_EQ(remote().commit({.session = "", .by = "", .comment = ""}).error().id,
              "config.invalid");
    ASSERT_TRUE(remote().edit("", {set(kMtu, "9000")}));
    const auto made = remote().commit({.session = "", .by = "", .comment = "secret"});
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->by, me + "@unix") << "the session has the name, and not the connection";
    ASSERT_TRUE(remote().save(""));
    ASSERT_TRUE(remote().show(kRunning, "", ConfigFormat::json));
    door_.reset();
    const std::string service = "/cutover.v1.Configuration/";
    const auto calls = {"Edit ok ", "Commit config.invalid ", "Edit ok ", "Commit ok revision 3",
                        "Save ok revision 3"};
    std::vector<std::string> expected;
    for (const std::string call : calls) {
        expected.push_back(service + call.substr(0, call.find(' ')) + " begun ");
        expected.push_back(service + call);
    }
    EXPECT_EQ(account_in(folder_.path()), expected);
}

TEST_F(RemoteConfigurationTest, BringsReasonsBackWhole) {
    ASSERT_TRUE(remote().edit("alice", {set(kMtu, "jumbo")}));
    const auto refused = remote().commit({.session = "alice", .by = "", .comment = ""});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, "config.invalid");
    EXPECT_NE(refused.error().message.find("\"jumbo\""), std::string::npos);
    EXPECT_NE(refused.error().message.find(kMtu), std::string::npos);
    EXPECT_EQ(refused.error(),
              behind().commit({.session = "alice", .by = "", .comment = ""}).error());
    EXPECT_EQ(remote().value(kRunning, "/ietf-system:system/nothing").error().id,
              "config.no_such_path");
    EXPECT_EQ(remote().rollback(4711, "").error().kind, Errc::not_found);
}

TEST_F(RemoteConfigurationTest, SaysThatADeviceHasNone) {
    fake_.forget_configuration();
    const std::vector answers{remote().status() ? "" : remote().status().error().id,
                              remote().show(kRunning, "", ConfigFormat::json).error().id,
                              remote().value(kRunning, kHostname).error().id,
                              remote().changes(kRunning, kMine).error().id,
                              remote().edit("", {set(kHostname, "core")}).error().id,
                              remote().discard("").error().id,
                              remote().commit({.session = "", .by = "", .comment = ""}).error().id,
                              remote().save("").error().id,
                              remote().history(1).error().id,
                              remote().rollback(0, "").error().id,
                              remote().migrate({.from = "a@1", .to = "a@2"}).error().id};
    for (const auto& answer : answers) EXPECT_EQ(answer, "config.none");
    EXPECT_FALSE(remote().save("").error().remedy.empty());
}

TEST_F(RemoteConfigurationTest, CarriesALargeDocumentAndRefusesATooLargeOne) {
    const std::string large(std::size_t{15} * 1024 * 1024, 'x');
    const std::string too_large(std::size_t{17} * 1024 * 1024, 'x');
    ASSERT_TRUE(remote().edit("alice", {set(kHostname, large)}));
    EXPECT_EQ(remote().value(kMine, kHostname)->size(), large.size());
    const auto refused = remote().edit("alice", {set(kHostname, too_large)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, "door.too_large");

    ASSERT_TRUE(behind().edit("alice", {set(kHostname, too_large)}));
    EXPECT_EQ(remote().show(kMine, "", ConfigFormat::tree).error().id, "door.too_large");
    EXPECT_EQ(remote().value(kMine, kHostname).error().id, "door.too_large");
    EXPECT_EQ(remote().changes(kRunning, kMine).error().id, "door.too_large");
    EXPECT_EQ(*remote().value(kRunning, kHostname), "lab-router") << "the line still stands";
}

TEST_F(RemoteConfigurationTest, RefusesNamesThatNobodyMeans) {
    EXPECT_EQ(remote().edit(std::string(500, 's'), {set(kHostname, "core")}).error().id,
              "door.bad_request");
    EXPECT_EQ(remote().value(kRunning, std::string(kMaxConfigPathBytes + 1, '/')).error().id,
              "door.bad_request");
    EXPECT_EQ(remote().show(kRunning, "/a\x1b", ConfigFormat::json).error().id, "door.bad_request");
}

TEST_F(RemoteConfigurationTest, InstancesMoveAndWhatFailsIsTold) {
    const std::string path = "/ietf-devices:devices/device[name='r1']";
    ASSERT_TRUE(
        remote().edit("s", {set(path + "/driver", "router@1"), set(path + "/banner", "x")}));
    ASSERT_TRUE(remote().commit({.session = "s", .by = "", .comment = ""}));
    const ConfigMigrate wanted{.from = "router@1", .to = "router@2"};
    const auto refused = remote().migrate(wanted);
    ASSERT_TRUE(refused) << refused.error().text();
    EXPECT_EQ(refused->asked, wanted);
    ASSERT_EQ(refused->instances.size(), 1U);
    EXPECT_EQ(refused->instances[0].error->id, "config.would_lose");
    const auto moved = remote().migrate({.from = "router@1", .to = "router@2", .lose = true});
    EXPECT_EQ(moved->instances[0].state, MigratedInstance::State::moved);
    EXPECT_EQ(behind().value({}, path + "/driver").value_or("?"), "router@2");
    EXPECT_EQ(behind().history(1)->front().by, "local");
    EXPECT_EQ(remote().migrate({.from = "router@1", .to = "switch@1"}).error().id,
              "config.no_side");
}

}  // namespace
}  // namespace cutover
