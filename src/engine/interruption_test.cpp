// Cancelling, stopping, running out of time, and what is found after a restart.

#include <chrono>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "engine/engine.h"
#include "engine/simulated_device.h"
#include "model/event.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/slot.h"
#include "store/store.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

void expect_untouched(SimulatedDevice& device) {
    EXPECT_EQ(device.running(), "1.0.0");
    EXPECT_EQ(device.marks(), (Marks{.running = 1, .startup = 1, .committed = 1}));
    EXPECT_EQ(device.boot.status()->trial, std::nullopt);
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::empty);
    EXPECT_FALSE(device.slots.held.contains(Slot::b));
    EXPECT_EQ(device.store().generations()->size(), 1U);
}

// The record of an upgrade that stands before the step of this kind, as a power cut left it.
OperationRecord cut_at(SimulatedDevice& device, StepKind kind, bool begun) {
    device.begin(upgrade_to("1.1.0"));  // until it is to be rebooted
    auto record = device.store().open_operation().value().value();
    for (record.cursor = 0;
         record.plan.steps.at(static_cast<std::size_t>(record.cursor)).kind != kind;)
        ++record.cursor;
    record.begun = begun;
    EXPECT_TRUE(device.store().transact([&] { return device.store().put_operation(record); }));
    return record;
}

TEST(Cancel, WhileWritingLeavesTheDeviceAsItWas) {
    SimulatedDevice device;
    device.when_progress = [&](const Progress& progress) {
        EXPECT_TRUE(device.engine().cancel(progress.operation));
    };
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::cancelled);
    EXPECT_EQ(operation.error->id, "operation.cancelled");
    expect_untouched(device);
    EXPECT_THAT(device.alarms(), IsEmpty());
}

TEST(Cancel, BeforeTheChecksAreOverDoesNotMakeTheDeviceLookUnhealthy) {
    SimulatedDevice device;
    device.packages.before_open = [&](int) { EXPECT_TRUE(device.engine().cancel(1)); };
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::cancelled);
    device.engine().look_at_health();
    for (const auto& status : device.engine().health())
        EXPECT_TRUE(status.healthy) << status.name << ": " << status.detail;
}

TEST(Cancel, AfterTheCommitPointIsRefusedAndStopsNothing) {
    SimulatedDevice device;
    device.add_script("stages/postexecute/90-last", "sleep 0.05; echo was here > last\n");
    Result<> cancelled;
    device.when_event = [&](const Event& event) {
        if (event.type == "mark.moved" && event.text.starts_with("committed:"))
            cancelled = device.engine().cancel(event.operation);
    };
    const auto operation = device.operate(upgrade_to("1.1.0"));
    ASSERT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().id, "operation.past_commit");
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_THAT(operation.warnings, IsEmpty());
    EXPECT_EQ(device.text_of("last"), "was here\n");
    EXPECT_EQ(device.running(), "1.1.0");
}

TEST(Cancel, OfAnotherOperationConcernsThisOneNot) {
    SimulatedDevice device;
    device.when_progress = [&](const Progress& progress) {
        EXPECT_TRUE(device.engine().cancel(progress.operation + 1));
    };
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
}

TEST(Stop, InTheMiddleIsUndoneAtTheNextStart) {
    for (const auto* const type : {"operation.started", "operation.planned", "stage.started"}) {
        SCOPED_TRACE(type);
        SimulatedDevice device;
        device.when_event = [&](const Event& event) {
            if (event.type == type) device.engine().stop();
        };
        device.begin(upgrade_to("1.1.0"));
        EXPECT_EQ(device.outcome(), Engine::Outcome::stopped);
        EXPECT_EQ(device.last_operation().state, OperationState::running);
        device.restart_agent();
        EXPECT_EQ(device.last_operation().state, OperationState::failed);
        EXPECT_EQ(device.last_operation().error->id, "operation.interrupted");
        expect_untouched(device);
    }
}

TEST(Stop, WhileWritingIsUndoneAtTheNextStart) {
    SimulatedDevice device;
    device.when_progress = [&](const Progress&) { device.engine().stop(); };
    device.begin(upgrade_to("1.1.0"));
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::writing);
    device.restart_agent();
    EXPECT_EQ(device.last_operation().error->id, "operation.interrupted");
    expect_untouched(device);
}

TEST(Stop, DuringTheTrialGoesOnWithTheTrial) {
    SimulatedDevice device;
    device.when_event = [&](const Event& event) {
        if (event.type == "trial.started") device.engine().stop();
    };
    device.begin(upgrade_to("1.1.0"));
    device.follow();
    EXPECT_EQ(device.outcome(), Engine::Outcome::stopped);
    device.when_event = nullptr;
    device.restart_agent();
    EXPECT_EQ(device.last_operation().state, OperationState::done);
    EXPECT_EQ(device.running(), "1.1.0");
}

TEST(Timeout, OfTheWholeOperationUndoesIt) {
    SimulatedDevice device({.operation_timeout = 1h});
    device.when_progress = [&](const Progress&) { device.clock.pass(61min); };
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::failed);
    EXPECT_EQ(operation.error->text().find("operation's time") != std::string::npos, true)
        << operation.error->text();
    expect_untouched(device);
}

TEST(Failure, ToWriteUndoesItAndTheErrorNamesTheSlot) {
    SimulatedDevice device;
    device.slots.available_bytes = 1;
    auto request = upgrade_to("1.1.0");
    EXPECT_EQ(device.operate(request).error->id, "check.space");
    device.slots.available_bytes = std::uint64_t{1} << 30U;
    device.when_event = [&](const Event& event) {
        if (event.type == "stage.started" && event.text == "install")
            device.slots.available_bytes = 1;  // somebody else was faster
    };
    const auto operation = device.operate(request);
    EXPECT_EQ(operation.state, OperationState::failed);
    EXPECT_EQ(operation.error->id, "slot.no_space");
    EXPECT_EQ(operation.error->message, "write slot B");
    expect_untouched(device);
}

TEST(Failure, OfThePackageToBeTheOneThatWasPlannedLeavesTheStandbySlotAlone) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));  // slot A now holds the way back
    device.packages.opened = 0;
    device.packages.before_open = [&](int opened) {
        if (opened == 2) device.package("1.2.0").manifest.summary = "another one";
    };
    const auto operation = device.operate(upgrade_to("1.2.0"));
    EXPECT_EQ(operation.state, OperationState::failed);
    EXPECT_EQ(operation.error->id, "operation.package_changed");
    EXPECT_EQ(device.slot(Slot::a).state, SlotState::installed);
    EXPECT_EQ(device.operate(request_of(OperationKind::rollback)).state, OperationState::done);
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST(Failure, ToArmTheTrialUndoesEverything) {
    SimulatedDevice device;
    device.when_event = [&](const Event& event) {
        device.boot.broken = event.type == "slot.installed";
    };
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::failed);
    device.boot.broken = false;
    EXPECT_EQ(device.running(), "1.0.0");
    device.restart_agent();
    expect_untouched(device);
}

TEST(Failure, ToAskForTheRebootUndoesEverything) {
    SimulatedDevice device;
    device.host.reboot_broken = true;
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::failed);
    expect_untouched(device);
}

TEST(Failure, OfTheBootLoaderToLeaveTheNewBaseEndsWithAnAlarmNotInRebootsForEver) {
    SimulatedDevice device;
    device.host.sick = {"1.1.0"};
    device.boot.stuck = Slot::b;
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::failed);
    EXPECT_THAT(device.alarms(),
                testing::UnorderedElementsAre("undo-incomplete", "upgrade-failed"));
    device.boot.stuck.reset();
    device.power_cycle();
    EXPECT_EQ(device.running(), "1.0.0");
    (void)device.operate(request_of(OperationKind::repair));
    EXPECT_THAT(device.alarms(), ElementsAre("upgrade-failed"));
}

TEST(Failure, OfTheStatusFileStopsNothing) {
    SimulatedDevice device;
    ASSERT_TRUE(make_folders(device.folder() / "status"));
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
    EXPECT_TRUE(device.engine().preview(upgrade_to("1.2.0")));
}

TEST(Failure, ToWriteEvidenceIsAWarning) {
    SimulatedDevice device;
    ASSERT_TRUE(write_file_durably(device.folder() / "evidence", "in the way"));
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_FALSE(operation.warnings.empty());
}

TEST(Recovery, OfACutBeforeTheBootLoaderWasToldUndoes) {
    for (const bool begun : {false, true}) {
        SimulatedDevice device;
        cut_at(device, StepKind::record_generation, begun);
        ASSERT_TRUE(device.boot.end_trial());
        device.power_cycle();
        EXPECT_EQ(device.last_operation().error->id, "operation.interrupted");
        EXPECT_EQ(device.running(), "1.0.0");
        EXPECT_EQ(device.boot.status()->trial, std::nullopt);
    }
}

TEST(Recovery, OfACutWhileArmingUndoesUnlessTheTrialHasBegun) {
    SimulatedDevice restarted;
    cut_at(restarted, StepKind::arm_trial, true);
    restarted.restart_agent();
    EXPECT_EQ(restarted.last_operation().error->id, "operation.interrupted");
    expect_untouched(restarted);

    SimulatedDevice rebooted;
    cut_at(rebooted, StepKind::arm_trial, true);
    rebooted.power_cycle();
    EXPECT_EQ(rebooted.last_operation().state, OperationState::done);
    EXPECT_EQ(rebooted.running(), "1.1.0");
    EXPECT_EQ(rebooted.marks(), (Marks{.running = 2, .startup = 2, .committed = 2}));
}

TEST(Recovery, OfARebootThatDidNotHappenAsksAgain) {
    SimulatedDevice device;
    device.begin(upgrade_to("1.1.0"));
    device.restart_agent();
    EXPECT_EQ(device.host.reboots_asked, 2);
    EXPECT_EQ(device.last_operation().state, OperationState::done);
    EXPECT_EQ(device.last_operation().reboots, 1);
}

TEST(Recovery, OfARebootThatCannotBeAskedAgainUndoes) {
    SimulatedDevice device;
    device.begin(upgrade_to("1.1.0"));
    device.host.reboot_broken = true;
    device.restart_agent();
    EXPECT_EQ(device.last_operation().state, OperationState::failed);
    expect_untouched(device);
}

TEST(Recovery, OfACutBetweenConfirmingAndTheJournalFinishesTheCommit) {
    SimulatedDevice device;
    int events = 0;
    device.when_event = [&](const Event& event) {
        if (event.type == "trial.passed" && ++events == 1) device.engine().stop();
    };
    device.begin(upgrade_to("1.1.0"));
    device.follow();
    auto record = device.store().open_operation().value().value();
    while (record.plan.steps.at(static_cast<std::size_t>(record.cursor)).kind != StepKind::commit)
        ++record.cursor;
    record.begun = true;
    ASSERT_TRUE(device.store().transact([&] { return device.store().put_operation(record); }));
    ASSERT_TRUE(device.boot.confirm(Slot::b));
    device.power_cycle();
    EXPECT_EQ(device.last_operation().state, OperationState::done);
    EXPECT_EQ(device.marks(), (Marks{.running = 2, .startup = 2, .committed = 2}));
}

TEST(Recovery, OfTakingAStartupBackIsFinished) {
    SimulatedDevice device;
    device.add_script("stages/postexecute/90-bad", "exit 1\n");
    auto request = upgrade_to("1.1.0");
    request.mode = Mode::next_startup;
    (void)device.operate(request);
    const auto operation = device.operate(request_of(OperationKind::rollback));
    EXPECT_EQ(operation.state, OperationState::done) << "the startup was taken back";
    EXPECT_EQ(operation.warnings.size(), 1U);
    EXPECT_EQ(device.marks().startup, 1);
}

TEST(Files, OfOperationsThatAreNoLongerKeptAreRemoved) {
    SimulatedDevice device;
    (void)device.operate(install_of("1.1.0"));
    ASSERT_TRUE(std::filesystem::exists(device.folder() / "evidence/1"));
    ASSERT_TRUE(std::filesystem::exists(device.folder() / "log/operation-1.log"));
    ASSERT_TRUE(device.engine().run(1 + Store::kKeptOperations, install_of("1.1.0")));
    EXPECT_FALSE(std::filesystem::exists(device.folder() / "evidence/1"));
    EXPECT_FALSE(std::filesystem::exists(device.folder() / "log/operation-1.log"));
    EXPECT_FALSE(std::filesystem::exists(device.folder() / "tmp/operation-1"));
}

}  // namespace
}  // namespace cutover
