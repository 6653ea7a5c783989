// Backups that operations make by themselves, and the operation that restores one.

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup/backup_folder.h"
#include "base/error.h"
#include "base/files.h"
#include "engine/backup_places.h"
#include "engine/simulated_device.h"
#include "model/backups.h"
#include "model/device_config.h"
#include "model/event.h"
#include "model/operation.h"
#include "platform/device_folder.h"
#include "store/database.h"

namespace cutover {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class BackupTest : public testing::Test {
protected:
    BackupFolder backups() { return BackupFolder(backup_places(device.ports())); }
    std::vector<Backup> list() { return backups().list().value(); }
    const StageRecord& prep(const Operation& operation) {
        return operation.stages.at(static_cast<std::size_t>(Stage::prep));
    }
    void sql(std::string_view text) {
        auto database = Database::open(device.folder() / "device.db").value();
        const auto done = database.query(text);
        EXPECT_TRUE(done) << done.error().text();
    }
    std::string configuration() {
        auto database = Database::open(device.folder() / "device.db").value();
        return std::get<std::string>(
            database.query("SELECT text FROM config_proof").value().front().front());
    }
    // A backup of the device as it is set now; afterwards all of it is changed.
    std::string backup_then_change() {
        sql("CREATE TABLE config_proof(text TEXT)");
        sql("INSERT INTO config_proof VALUES('then')");
        put("device.toml", "# then\n");
        put("access/users.json", "then");
        const auto state = device.generation(device.marks().running);
        auto about = about_device(device.config, device_uuid(device.folder()).value(), state);
        const auto made = backups().create(about, "golden");
        EXPECT_TRUE(made) << made.error().text();
        sql("UPDATE config_proof SET text = 'now'");
        put("device.toml", "# now\n");
        put("access/users.json", "now");
        return made.value_or(Backup{}).name;
    }
    void put(const std::filesystem::path& file, std::string_view text) {
        EXPECT_TRUE(make_folders((device.folder() / file).parent_path()));
        EXPECT_TRUE(write_file_durably(device.folder() / file, text));
    }
    Request restore_of(const std::string& backup) {
        auto request = request_of(OperationKind::restore);
        request.sources = {backup};
        return request;
    }
    void expect_all(std::string_view when) {
        EXPECT_EQ(configuration(), when);
        EXPECT_EQ(device.text_of("device.toml"), "# " + std::string(when) + "\n");
        EXPECT_EQ(device.text_of("access/users.json"), when);
        EXPECT_FALSE(device.store().open_operation().value());
    }

    SimulatedDevice device;
};

TEST_F(BackupTest, IsMadeBeforeTheBaseChangesAndTold) {
    const auto done = device.operate(upgrade_to("1.1.0"));
    ASSERT_EQ(done.state, OperationState::done);
    ASSERT_THAT(list(), SizeIs(1));
    const auto made = list().front();
    EXPECT_TRUE(made.automatic);
    EXPECT_EQ(made.base.version.text(), "1.0.0") << "of the device as it was";
    EXPECT_EQ(made.generation, 1);
    EXPECT_TRUE(backups().verify(made.name));
    EXPECT_THAT(prep(done).detail, HasSubstr("backup " + made.name + ", "));
    EXPECT_THAT(prep(done).detail, HasSubstr("check"));
}

TEST_F(BackupTest, IsNotMadeForWhatIsOnlyInstalledNorWhereTheDeviceIsSetSo) {
    (void)device.operate(install_of("1.1.0"));
    EXPECT_THAT(list(), IsEmpty());
    device.config.backup.automatic = false;
    device.restart_agent();
    EXPECT_EQ(device.operate(request_of(OperationKind::activate)).state, OperationState::done);
    EXPECT_THAT(list(), IsEmpty());
}

TEST_F(BackupTest, IsKeptByPolicy) {
    device.config.backup.keep = 2;
    for (const auto* version : {"1.1.0", "1.2.0", "1.1.0", "1.2.0"}) {
        ASSERT_EQ(device.operate(upgrade_to(version)).state, OperationState::done);
        device.clock.pass(std::chrono::hours(1));
    }
    EXPECT_THAT(list(), SizeIs(2));
}

TEST_F(BackupTest, ThatCannotBeWrittenStopsAnUpgradeBeforeAnythingChanges) {
    put("backups", "a file where the folder should be");
    const auto failed = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(failed.state, OperationState::failed);
    EXPECT_EQ(failed.error->id, "backup.not_written");
    EXPECT_THAT(failed.error->remedy, HasSubstr("cutover backup prune"));
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::empty);
}

TEST_F(BackupTest, ThatCannotBeWrittenDoesNotBarTheWayBack) {
    ASSERT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
    ASSERT_TRUE(remove_tree(device.folder() / "backups"));
    put("backups", "a file where the folder should be");
    const auto back = device.operate(request_of(OperationKind::rollback));
    EXPECT_EQ(back.state, OperationState::done);
    EXPECT_THAT(back.warnings, Contains(HasSubstr("no backup was made")));
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST_F(BackupTest, IsRestoredWithARebootAndTheDeviceStaysWhatItIs) {
    const auto name = backup_then_change();
    const auto marks = device.marks();
    const auto generations = device.store().generations().value();
    const auto done = device.operate(restore_of(name));
    ASSERT_EQ(done.state, OperationState::done) << done.error->text();
    EXPECT_EQ(done.reboots, 1);
    expect_all("then");
    EXPECT_EQ(device.marks(), marks);
    EXPECT_EQ(device.store().generations().value(), generations);
    EXPECT_EQ(device.last_operation().id, done.id) << "the history is of what has happened";
    EXPECT_THAT(list(), SizeIs(2)) << "the way back from a restore";
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
}

TEST_F(BackupTest, IsRestoredAlsoAfterAFailedUpgrade) {
    const auto name = backup_then_change();
    device.brick = {"1.1.0"};
    ASSERT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::failed);
    ASSERT_EQ(device.operate(restore_of(name)).state, OperationState::done);
    expect_all("then");
}

TEST_F(BackupTest, ThatIsCutIsUndoneUntilTheConfigurationIsBackAndFinishedAfter) {
    const auto name = backup_then_change();
    for (const auto* const at : {"operation.planned", "backup.created", "backup.restored"}) {
        SCOPED_TRACE(at);
        const bool committed = at == std::string_view("backup.restored");
        device.when_event = [&](const Event& event) {
            if (event.type == at) device.engine().stop();
        };
        (void)device.begin(restore_of(name));
        device.when_event = nullptr;
        device.power_cycle();
        EXPECT_EQ(device.last_operation().state,
                  committed ? OperationState::done : OperationState::failed);
        expect_all(committed ? "then" : "now");
    }
}

TEST_F(BackupTest, IsRefusedBeforeAnythingIsTouched) {
    const auto name = backup_then_change();
    const auto refused = [&](const Request& request) {
        const auto operation = device.operate(request);
        EXPECT_EQ(operation.state, OperationState::refused);
        expect_all("now");
        return operation.error ? operation.error->id : "";
    };
    EXPECT_EQ(refused(restore_of("no-such")), "backup.unknown");
    EXPECT_EQ(refused(request_of(OperationKind::restore)), "plan.no_backup");

    const auto file = backups().find(name).value();
    auto bytes = read_file(file, 10'000'000).value();
    auto broken = bytes;
    broken[broken.size() / 2] = static_cast<char>(broken[broken.size() / 2] ^ 1);
    ASSERT_TRUE(write_file_durably(file, broken));
    EXPECT_EQ(refused(restore_of(name)), "backup.damaged");
    ASSERT_TRUE(write_file_durably(file, bytes));

    put("uuid", "0f8fad5b-d9cb-469f-a165-70867728950e\n");
    EXPECT_EQ(refused(restore_of(name)), "check.backup_device");
    device.config.hardware = {"other"};
    EXPECT_EQ(refused(restore_of(name)), "check.backup_hardware");
    device.config.hardware = {"emulated"};
    device.config.slots_backend = "block";
    EXPECT_EQ(refused(restore_of(name)), "check.backup_hardware");
    device.config.slots_backend = "emulated";
    auto forced = restore_of(name);
    forced.force = {"backup-device"};
    EXPECT_EQ(device.operate(forced).state, OperationState::done);
    expect_all("then");
}

TEST_F(BackupTest, OfAnotherBaseSaysHowToComeToThatBase) {
    const auto name = backup_then_change();
    ASSERT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
    EXPECT_EQ(device.operate(restore_of(name)).error->id, "plan.backup_standby");
    ASSERT_EQ(device.operate(upgrade_to("1.2.0")).state, OperationState::done);
    EXPECT_EQ(device.operate(restore_of(name)).error->id, "plan.backup_base");
}

TEST_F(BackupTest, PreviewOfARestoreChangesNothing) {
    const auto name = backup_then_change();
    const auto preview = device.engine().preview(restore_of(name));
    ASSERT_TRUE(preview) << preview.error().text();
    EXPECT_FALSE(preview->error);
    EXPECT_THAT(preview->notes, Contains(HasSubstr("slots, marks, history and packages stay")));
    expect_all("now");
}

}  // namespace
}  // namespace cutover
