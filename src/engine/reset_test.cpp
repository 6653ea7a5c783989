#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "engine/simulated_device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"
#include "platform/factory_reset.h"
#include "store/store.h"

namespace cutover {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct FactoryReset : testing::Test {
    SimulatedDevice device;

    void put(const std::filesystem::path& file) {
        ASSERT_TRUE(make_folders((device.folder() / file).parent_path()));
        ASSERT_TRUE(write_file_durably(device.folder() / file, "x"));
    }
    bool has(const std::filesystem::path& file) const {
        return std::filesystem::exists(device.folder() / file);
    }
    Operation reset(Request request = request_of(OperationKind::reset)) {
        return device.operate(request);
    }
};

TEST_F(FactoryReset, LeavesTheRunningBaseAloneAndAnAccountOfItself) {
    (void)device.operate(upgrade_to("1.1.0"));
    const auto done = reset();
    ASSERT_EQ(done.state, OperationState::done) << done.error->text();
    EXPECT_EQ(done.reboots, 1);
    EXPECT_THAT(done.warnings, IsEmpty());
    EXPECT_EQ(device.running(), "1.1.0");
    EXPECT_THAT(device.store().generations().value(), SizeIs(1));
    EXPECT_EQ(device.generation(device.marks().running).base.version.text(), "1.1.0");
    EXPECT_EQ(device.marks().committed, device.marks().running);
    EXPECT_EQ(device.slot(Slot::a).state, SlotState::empty);
    EXPECT_FALSE(device.slots.held.contains(Slot::a)) << "what was in it is somebody's data";
    const auto history = device.store().operations(100).value();
    ASSERT_THAT(history, SizeIs(1));
    EXPECT_EQ(history.front().id, done.id) << "numbers go on";
    EXPECT_THAT(device.alarms(), IsEmpty());
    EXPECT_EQ(device.operate(upgrade_to("1.2.0")).state, OperationState::done);
}

TEST_F(FactoryReset, TakesSettingsDataAndUsersButNotTheAuditLogNorTheDevicesOwnFiles) {
    for (const auto* gone : {"data/routes.db", "dmi/managed", "access/users.json", "log/old.log",
                             "evidence/1/before", "backups/a.backup"})
        put(gone);
    for (const auto* stays : {"access/audit.log", "access/audit.log.1", "access/audit.head",
                              "device.toml", "trust/ca.crt", "uuid"})
        put(stays);
    ASSERT_EQ(reset().state, OperationState::done);
    for (const auto* gone : {"data/routes.db", "dmi/managed", "access/users.json", "log/old.log",
                             "evidence/1", "backups/a.backup", "reset", "reset.done"})
        EXPECT_FALSE(has(gone)) << gone;
    for (const auto* stays : {"access/audit.log", "access/audit.log.1", "access/audit.head",
                              "device.toml", "trust/ca.crt", "uuid"})
        EXPECT_TRUE(has(stays)) << stays;
}

TEST_F(FactoryReset, LeavesUsersWhereItWasAskedTo) {
    put("access/users.json");
    auto request = request_of(OperationKind::reset);
    request.keep_access = true;
    ASSERT_EQ(reset(request).state, OperationState::done);
    EXPECT_TRUE(has("access/users.json"));
}

TEST_F(FactoryReset, KnowsTheBaseThatTheDeviceWasMadeWithAlsoAfterAnother) {
    auto request = request_of(OperationKind::reset);
    request.factory_base = true;
    EXPECT_EQ(reset(request).state, OperationState::done);
    EXPECT_EQ(reset(request).state, OperationState::done) << "the first has forgotten generation 1";
    (void)device.operate(upgrade_to("1.1.0"));
    const auto refused = reset(request);
    EXPECT_EQ(refused.state, OperationState::refused);
    EXPECT_EQ(refused.error->id, "plan.no_factory_base");
    EXPECT_GT(device.store().operations(100)->size(), 1U) << "nothing was forgotten";
}

TEST_F(FactoryReset, EndsWhatWasToStartNext) {
    auto request = upgrade_to("1.1.0");
    request.mode = Mode::next_startup;
    (void)device.operate(request);
    ASSERT_EQ(reset().state, OperationState::done);
    EXPECT_EQ(device.running(), "1.0.0");
    EXPECT_EQ(device.marks().startup, device.marks().running);
    device.power_cycle();
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST_F(FactoryReset, ThatIsCutBeforeItIsOrderedChangesNothing) {
    put("data/routes.db");
    device.when_event = [&](const Event& event) {
        if (event.type == "operation.planned") device.engine().stop();
    };
    (void)device.begin(request_of(OperationKind::reset));
    device.when_event = nullptr;
    device.power_cycle();
    EXPECT_EQ(device.last_operation().state, OperationState::failed);
    EXPECT_TRUE(has("data/routes.db"));
}

TEST_F(FactoryReset, ThatABootHasBegunIsFinishedThoughTheJournalKnowsNothingOfItYet) {
    put("data/routes.db");
    device.when_event = [&](const Event& event) {  // the step is made, and not noted
        if (event.type == "stage.started" && event.text == "postexecute") device.engine().stop();
    };
    (void)device.begin(request_of(OperationKind::reset));
    device.when_event = nullptr;
    ASSERT_FALSE(device.store().open_operation().value()->committed);
    ASSERT_TRUE(carry_out_reset(device.folder()));
    EXPECT_FALSE(has("data/routes.db"));
    device.power_cycle();
    EXPECT_EQ(device.last_operation().state, OperationState::done);
    EXPECT_THAT(device.store().operations(100).value(), SizeIs(1));
}

TEST_F(FactoryReset, OnAMachineThatDoesNotRestartIsLeftToTheNextBoot) {
    put("data/routes.db");
    device.host.reboot_broken = true;
    const auto done = reset();
    EXPECT_EQ(done.state, OperationState::done);
    EXPECT_THAT(testing::PrintToString(done.warnings), HasSubstr("with the next boot"));
    EXPECT_TRUE(has("data/routes.db")) << "services use it";
    EXPECT_EQ(reset_state(device.folder()), ResetState::ordered);
}

}  // namespace
}  // namespace cutover
