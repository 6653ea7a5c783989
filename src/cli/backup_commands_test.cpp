#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "cli/run.h"
#include "cli/session.h"
#include "cli/test_world.h"
#include "model/backups.h"
#include "model/device.h"
#include "model/operation.h"
#include "model/version.h"

namespace cutover::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Backup a_backup(const std::string& name) {
    Backup backup{.name = name};
    backup.made = from_iso8601("2026-11-21T10:02:11Z").value();
    backup.device = "edge-1";
    backup.base.name = "nos";
    backup.base.version = Version::parse("1.1.0").value();
    backup.members.push_back({.name = "device.db", .bytes = 1, .sha256 = std::string(64, 'a')});
    backup.bytes = 34'000;
    return backup;
}

class FakeBackups final : public Backups {
public:
    Result<Backup> create(const std::string& name, bool packages) override {
        asked.push_back("create " + name + (packages ? "" : " without packages"));
        return a_backup("nos-1.1.0@2026-11-21T10:02:11Z");
    }
    Result<std::vector<Backup>> list() override { return kept; }
    Result<Backup> show(const std::string& backup) override {
        asked.push_back("show " + backup);
        return a_backup(backup);
    }
    Result<Backup> verify(const std::string& backup) override {
        asked.push_back("verify " + backup);
        return a_backup(backup);
    }
    Result<PrunedBackups> prune(const std::vector<std::string>& backups) override {
        return PrunedBackups{.names = backups, .bytes = 34'000};
    }
    Result<Compaction> compact() override {
        return Compaction{.bytes_before = 900'000, .bytes_after = 90'000, .pruned = {}};
    }

    std::vector<Backup> kept;
    std::vector<std::string> asked;
};

// The backups of a device that can do nothing else.
class OnlyBackups final : public Device {
public:
    explicit OnlyBackups(FakeBackups& backups) : backups_(backups) {}
    Backups* backups() override { return &backups_; }
    Result<DeviceState> state() override { return none(); }
    Result<Preview> preview(const Request& /*request*/) override { return none(); }
    Result<OperationId> start(const Request& /*request*/) override { return none(); }
    Result<> cancel(OperationId /*operation*/) override { return none(); }
    Result<Operation> operation(OperationId /*operation*/) override { return none(); }
    Result<std::vector<Operation>> operations(int /*max_count*/) override { return none(); }
    Result<> follow(const FollowRequest& /*request*/,
                    const std::function<bool(const FeedItem&)>& /*sink*/,
                    std::stop_token /*stop*/) override {
        return none();
    }
    Result<std::vector<std::string>> log(const LogRequest& /*request*/) override { return none(); }

private:
    static std::unexpected<Error> none() { return fail(Errc::unsupported, "not here"); }
    FakeBackups& backups_;
};

class BackupCommands : public testing::Test {
protected:
    TestWorld::Outcome run(const std::vector<std::string>& args) {
        std::istringstream in;
        std::ostringstream out;
        std::ostringstream err;
        TestClock clock;
        const Context context{.connect = [this](const Address&) -> Result<std::unique_ptr<Device>> {
                                  return std::make_unique<OnlyBackups>(backups);
                              },
                              .in = in,
                              .out = out,
                              .err = err,
                              .terminal = {},
                              .clock = clock,
                              .folder = folder.path(),
                              .device_variable = {},
                              .watch_interrupts = {},
                              .more_commands = {}};
        const int code = cli::run(args, context);
        return {.code = code, .out = out.str(), .err = err.str()};
    }

    TempFolder folder = TempFolder::create(testing::TempDir(), "cli").value();
    FakeBackups backups;
};

TEST_F(BackupCommands, SayWhatWasDone) {
    EXPECT_EQ(run({"backup", "create", "--name", "golden"}).out,
              "Created nos-1.1.0@2026-11-21T10:02:11Z, 34 kB in 1 member.\n");
    EXPECT_THAT(backups.asked, ElementsAre("create golden"));
    run({"backup", "create", "--no-packages"});
    EXPECT_EQ(backups.asked.back(), "create  without packages");
    EXPECT_THAT(run({"backup", "list"}).out, HasSubstr("There is no backup"));
    EXPECT_EQ(run({"backup", "prune", "a", "b"}).out,
              "Removed a.\nRemoved b.\n34 kB are free again.\n");
    EXPECT_EQ(run({"backup", "prune"}).out, "No backup was removed.\n");
    EXPECT_EQ(run({"compact"}).out,
              "The database took 900 kB and takes 90 kB now.\nNo backup was removed.\n");
}

TEST_F(BackupCommands, ListWhatCannotBeReadBesideTheRest) {
    backups.kept.push_back(a_backup("one"));
    backups.kept.push_back({.name = "two", .bytes = 3, .problem = "it ends too early"});
    const auto listed = run({"backup", "list"}).out;
    EXPECT_THAT(listed, HasSubstr("nos 1.1.0"));
    EXPECT_THAT(listed, HasSubstr("it ends too early"));
    const auto json = nlohmann::json::parse(run({"backup", "list", "--json"}).out);
    EXPECT_EQ(json.at("backups").at(0).at("base").at("version"), "1.1.0");
    EXPECT_EQ(json.at("backups").at(1).at("problem"), "it ends too early");
}

TEST_F(BackupCommands, TakeANameOrAFileOfThePersonsOwnFolder) {
    const auto file = folder.path() / "mine.backup";
    ASSERT_TRUE(write_file_durably(file, "x"));
    EXPECT_EQ(run({"backup", "verify", "mine.backup"}).code, 0);
    EXPECT_EQ(run({"backup", "show", "kept"}).code, 0);
    EXPECT_THAT(backups.asked, ElementsAre("verify " + file.string(), "show kept"));
}

TEST_F(BackupCommands, RestoreIsAnOperationThatAsksForExactlyThatBackup) {
    TestWorld world;
    ASSERT_TRUE(write_file_durably(world.folder.path() / "mine.backup", "x"));
    EXPECT_EQ(world
                  .run({"backup", "restore", "nos-1.1.0@2026-11-21T10:02:11Z", "--force",
                        "backup-device", "--no-wait"})
                  .code,
              0);
    auto request = world.device.last_request();
    EXPECT_EQ(request.kind, OperationKind::restore);
    EXPECT_THAT(request.sources, ElementsAre("nos-1.1.0@2026-11-21T10:02:11Z"));
    EXPECT_THAT(request.packages, IsEmpty());
    EXPECT_THAT(request.force, ElementsAre("backup-device"));
    world.device.play_to_the_end();
    EXPECT_EQ(world.run({"backup", "restore", "mine.backup", "--no-wait"}).code, 0);
    request = world.device.last_request();
    EXPECT_THAT(request.sources, ElementsAre((world.folder.path() / "mine.backup").string()));
    EXPECT_NE(world.run({"backup", "restore"}).code, 0);
    EXPECT_NE(world.run({"backup", "restore", "/none/such.backup"}).code, 0);
}

TEST_F(BackupCommands, SayThatADeviceKeepsNone) {
    TestWorld world;
    EXPECT_THAT(world.run({"backup", "list"}).err, HasSubstr("keeps no backups"));
}

}  // namespace
}  // namespace cutover::cli
