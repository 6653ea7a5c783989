// What becomes of a device that is upgraded, tried, reverted and rolled back.

#include <algorithm>
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/simulated_device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Request at_next_startup(Request request) {
    request.mode = Mode::next_startup;
    return request;
}

Request with_trial(Request request, std::chrono::minutes trial) {
    request.trial = trial;
    return request;
}

void expect_marks(SimulatedDevice& device, const Marks& wanted) {
    const auto marks = device.marks();
    EXPECT_EQ(marks.running, wanted.running) << "running";
    EXPECT_EQ(marks.startup, wanted.startup) << "startup";
    EXPECT_EQ(marks.committed, wanted.committed) << "committed";
}

// Back where it began, with the new base judged bad.
void expect_fell_back(SimulatedDevice& device, const Operation& operation) {
    EXPECT_EQ(operation.state, OperationState::failed);
    EXPECT_EQ(device.running(), "1.0.0");
    expect_marks(device, {.running = 1, .startup = 1, .committed = 1});
    EXPECT_EQ(device.boot.status()->committed, Slot::a);
    EXPECT_EQ(device.boot.status()->trial, std::nullopt);
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::bad);
    EXPECT_TRUE(device.generation(2).bad);
    EXPECT_THAT(device.alarms(), ElementsAre("upgrade-failed"));
}

TEST(Upgrade, EndsCommittedOnTheNewBaseAfterOneReboot) {
    SimulatedDevice device;
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::done) << operation.error->text();
    EXPECT_EQ(operation.title, "upgrade base nos 1.0.0 -> 1.1.0");
    EXPECT_EQ(operation.reboots, 1);
    EXPECT_EQ(operation.interruption, 9s);
    EXPECT_EQ(operation.from, 1);
    EXPECT_EQ(operation.to, 2);
    EXPECT_TRUE(operation.ended);
    EXPECT_THAT(operation.warnings, IsEmpty());
    for (const auto& stage : operation.stages) EXPECT_EQ(stage.state, StageState::done);
    EXPECT_EQ(device.running(), "1.1.0");
    expect_marks(device, {.running = 2, .startup = 2, .committed = 2});
    EXPECT_EQ(device.boot.status()->committed, Slot::b);
    EXPECT_EQ(device.boot.status()->trial, std::nullopt);
    EXPECT_THAT(device.alarms(), IsEmpty());
}

TEST(Upgrade, KeepsTheBooksOfSlotsAndGenerations) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::installed);
    EXPECT_EQ(device.slot(Slot::b).holds->version, version("1.1.0"));
    EXPECT_TRUE(device.slot(Slot::b).committed_once);
    EXPECT_TRUE(device.generation(1).kept) << "the way back";
    EXPECT_TRUE(device.generation(2).kept);
    EXPECT_TRUE(device.generation(2).committed_once);

    (void)device.operate(upgrade_to("1.2.0"));
    EXPECT_EQ(device.running(), "1.2.0");
    EXPECT_FALSE(device.generation(1).kept) << "its slot was written over";
    EXPECT_TRUE(device.generation(2).kept);
    EXPECT_TRUE(device.generation(3).kept);
    EXPECT_EQ(device.slot(Slot::a).holds->version, version("1.2.0"));
}

TEST(Upgrade, CarriesThePersistentFilesOver) {
    SimulatedDevice device;
    device.package("1.1.0").manifest.persist = {"etc/nos.conf"};
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
    EXPECT_THAT(device.slots.carried, ElementsAre("etc/nos.conf"));
}

TEST(Upgrade, RaisesTheEpochAtTheCommitAndTheNewestSigningTimeAtTheWrite) {
    SimulatedDevice device;
    auto& package = device.package("1.1.0");
    package.manifest.epoch = 3;
    package.signed_at = device.clock.wall() - 24h;
    device.begin(upgrade_to("1.1.0"));
    EXPECT_EQ(device.store().epoch().value(), 0U) << "not before the new base is trusted";
    EXPECT_EQ(device.store().newest_signing_time().value(), package.signed_at);
    device.follow();
    EXPECT_EQ(device.store().epoch().value(), 3U);

    device.package("1.2.0").manifest.epoch = 3;
    device.package("1.2.0").signed_at = package.signed_at - 24h;
    EXPECT_EQ(device.operate(upgrade_to("1.2.0")).state, OperationState::done);
    EXPECT_EQ(device.store().newest_signing_time().value(), package.signed_at) << "never back";
    EXPECT_EQ(device.packages.newest_not_before, package.signed_at);
}

TEST(Upgrade, ForgetsTheOldestGenerationsButNoneThatCanBeBooted) {
    SimulatedDevice device({.keep_generations = 3});
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
        EXPECT_EQ(device.operate(upgrade_to("1.2.0")).state, OperationState::done);
    }
    const auto generations = device.store().generations().value();
    EXPECT_EQ(generations.size(), 3U);
    EXPECT_EQ(std::ranges::count(generations, true, &Generation::kept), 2);
}

TEST(Install, WritesTheStandbySlotAndRebootsNothing) {
    SimulatedDevice device;
    const auto operation = device.operate(install_of("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(operation.reboots, 0);
    EXPECT_EQ(device.host.reboots_asked, 0);
    EXPECT_EQ(device.running(), "1.0.0");
    expect_marks(device, {.running = 1, .startup = 1, .committed = 1});
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::installed);
    EXPECT_FALSE(device.slot(Slot::b).committed_once);
    device.power_cycle();
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST(Install, GenerationsThatNeverRanAreForgottenToo) {
    SimulatedDevice device({.keep_generations = 3});
    for (int i = 0; i < 10; ++i) (void)device.operate(install_of("1.1.0"));
    EXPECT_LE(device.store().generations()->size(), 4U);
}

TEST(Install, ManifestsOfPackagesThatAreLongGoneAreForgotten) {
    SimulatedDevice device;
    ASSERT_TRUE(device.store().transact([&]() -> Result<> {
        for (int i = 0; i < 100; ++i) TRY(device.store().put_manifest(std::to_string(i), "{}"));
        return {};
    }));
    EXPECT_LE(device.store().manifests()->size(), 51U);
    EXPECT_TRUE(device.store().manifest(device.generation(1).base.digest)->has_value())
        << "what runs is known for as long as it runs";
}

TEST(Activate, TriesWhatWasInstalled) {
    SimulatedDevice device;
    (void)device.operate(install_of("1.1.0"));
    const auto operation = device.operate(request_of(OperationKind::activate));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(device.running(), "1.1.0");
    expect_marks(device, {.running = 2, .startup = 2, .committed = 2});
    EXPECT_EQ(device.packages.opened, 2) << "opened by the plan and the write, not again";
}

TEST(Activate, RefusesABaseThatFailedItsTrialUnlessForced) {
    SimulatedDevice device;
    device.host.sick = {"1.1.0"};
    (void)device.operate(upgrade_to("1.1.0"));
    auto request = request_of(OperationKind::activate);
    EXPECT_EQ(device.operate(request).error->id, "plan.standby_bad");
    device.host.sick.clear();
    request.force = {"slot"};
    EXPECT_EQ(device.operate(request).state, OperationState::done);
    EXPECT_EQ(device.running(), "1.1.0");
    EXPECT_FALSE(device.generation(2).bad) << "it has passed its trial after all";
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::installed);
    EXPECT_THAT(device.alarms(), IsEmpty());
}

TEST(NextStartup, WaitsForSomebodysReboot) {
    SimulatedDevice device;
    const auto operation = device.operate(at_next_startup(upgrade_to("1.1.0")));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(device.host.reboots_asked, 0);
    expect_marks(device, {.running = 1, .startup = 2, .committed = 1});
    EXPECT_EQ(device.boot.status()->trial, Slot::b);
    device.restart_agent();
    EXPECT_EQ(device.running(), "1.0.0") << "a restart of the agent is no boot";
    expect_marks(device, {.running = 1, .startup = 2, .committed = 1});
}

TEST(NextStartup, IsTriedByAnOperationOfItsOwnThatCommits) {
    SimulatedDevice device;
    const auto set = device.operate(at_next_startup(upgrade_to("1.1.0")));
    device.power_cycle();
    const auto trial = device.last_operation();
    EXPECT_EQ(trial.id, set.id + 1);
    EXPECT_EQ(trial.state, OperationState::done) << trial.error->text();
    EXPECT_EQ(trial.title, "start up with base nos 1.1.0");
    EXPECT_THAT(trial.warnings, IsEmpty());
    EXPECT_EQ(device.running(), "1.1.0");
    expect_marks(device, {.running = 2, .startup = 2, .committed = 2});
    EXPECT_EQ(device.boot.status()->committed, Slot::b);
}

TEST(NextStartup, IsTriedAlsoWhenTheRebootWasAnOperation) {
    SimulatedDevice device;
    (void)device.operate(at_next_startup(upgrade_to("1.1.0")));
    const auto reboot = device.operate(request_of(OperationKind::reboot));
    EXPECT_EQ(reboot.state, OperationState::done);
    EXPECT_EQ(device.last_operation().title, "start up with base nos 1.1.0");
    EXPECT_EQ(device.last_operation().state, OperationState::done);
    expect_marks(device, {.running = 2, .startup = 2, .committed = 2});
}

TEST(NextStartup, WhoseBootsDieIsAFailedOperationAndTheStartupMarkGoesBack) {
    SimulatedDevice device;
    device.brick = {"1.1.0"};
    (void)device.operate(at_next_startup(upgrade_to("1.1.0")));
    device.power_cycle();
    const auto trial = device.last_operation();
    expect_fell_back(device, trial);
    EXPECT_EQ(trial.error->id, "trial.boot_failed");
    EXPECT_THAT(trial.error->cause, HasSubstr("slot B died in boot 2"));
    device.power_cycle();
    EXPECT_EQ(device.last_operation().id, trial.id) << "told once";
}

TEST(NextStartup, WhoseBaseIsSickFallsBack) {
    SimulatedDevice device;
    device.host.sick = {"1.1.0"};
    (void)device.operate(at_next_startup(upgrade_to("1.1.0")));
    device.power_cycle();
    expect_fell_back(device, device.last_operation());
    EXPECT_EQ(device.last_operation().error->id, "trial.check_failed");
}

TEST(NextStartup, AwaitsTheCommitThatWasAskedForWhenItWasSet) {
    SimulatedDevice device;
    (void)device.operate(at_next_startup(with_trial(upgrade_to("1.1.0"), 10min)));
    device.power_cycle();
    EXPECT_EQ(device.last_operation().error->id, "trial.not_committed");
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST(NextStartup, OfARevertSkipsTheChecksAsARevertDoes) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    device.host.sick = {"1.0.0"};
    (void)device.operate(at_next_startup(request_of(OperationKind::revert)));
    device.power_cycle();
    EXPECT_EQ(device.last_operation().state, OperationState::done);
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST(NextStartup, WhoseSlotLosesItsContentIsTakenBackAndTheAgentStaysUp) {
    SimulatedDevice device;
    (void)device.operate(at_next_startup(upgrade_to("1.1.0")));
    device.slots.held.erase(Slot::b);
    device.restart_agent();
    expect_marks(device, {.running = 1, .startup = 1, .committed = 1});
    EXPECT_EQ(device.boot.status()->trial, std::nullopt) << "nothing is there to be tried";
    device.power_cycle();
    EXPECT_EQ(device.running(), "1.0.0");
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
}

TEST(NextStartup, IsTakenBackBeforeItsSlotIsWrittenOver) {
    SimulatedDevice device;
    (void)device.operate(at_next_startup(upgrade_to("1.1.0")));
    auto request = install_of("1.2.0");
    request.force = {"pending-reboot"};
    bool armed_while_writing = false;
    device.when_progress = [&](const auto&) {
        armed_while_writing |= device.boot.status()->trial.has_value();
    };
    EXPECT_EQ(device.operate(request).state, OperationState::done);
    EXPECT_FALSE(armed_while_writing) << "half a slot would be booted after a power cut";
    expect_marks(device, {.running = 1, .startup = 1, .committed = 1});
    device.power_cycle();
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST(Trial, WhoseBootsDieFallsBackWithTheReasonsOfTheBootsAsTheCause) {
    SimulatedDevice device;
    device.brick = {"1.1.0"};
    const auto operation = device.operate(upgrade_to("1.1.0"));
    expect_fell_back(device, operation);
    EXPECT_EQ(operation.error->id, "trial.boot_failed");
    EXPECT_EQ(operation.error->cause, "slot B died in boot 1; slot B died in boot 2");
    EXPECT_EQ(operation.reboots, 3) << "two that died, one back";
}

TEST(Trial, OfASickBaseFallsBackByARebootAndNamesTheCheck) {
    SimulatedDevice device;
    device.host.sick = {"1.1.0"};
    const auto operation = device.operate(upgrade_to("1.1.0"));
    expect_fell_back(device, operation);
    EXPECT_EQ(operation.error->id, "trial.check_failed");
    EXPECT_EQ(operation.error->message,
              "nos 1.1.0 did not pass its checks; the device is back on nos 1.0.0");
    EXPECT_THAT(operation.error->cause, HasSubstr("web answers"));
    EXPECT_THAT(operation.error->cause, HasSubstr("package nos 1.1.0"));
    EXPECT_THAT(operation.error->remedy, HasSubstr("cutover show operation 1 --log"));
    EXPECT_EQ(operation.reboots, 2);
    EXPECT_EQ(operation.interruption, 18s);
}

TEST(Trial, ThatFailedIsAnAlarmUntilALaterUpgradeIsGood) {
    SimulatedDevice device;
    device.host.sick = {"1.1.0"};
    (void)device.operate(upgrade_to("1.1.0"));
    EXPECT_THAT(device.alarms(), ElementsAre("upgrade-failed"));
    EXPECT_EQ(device.operate(upgrade_to("1.2.0")).state, OperationState::done);
    EXPECT_THAT(device.alarms(), IsEmpty());
    EXPECT_EQ(device.store().alarms()->size(), 1U) << "it stays in the history";
}

TEST(Trial, ThatFailedIsForgivenOnceTheSlotIsWrittenAgain) {
    SimulatedDevice device;
    device.host.sick = {"1.1.0"};
    (void)device.operate(upgrade_to("1.1.0"));
    EXPECT_THAT(device.alarms(), ElementsAre("upgrade-failed"));
    EXPECT_EQ(device.operate(install_of("1.2.0")).state, OperationState::done);
    EXPECT_THAT(device.alarms(), IsEmpty());
}

TEST(Trial, OfABaseThatComesUpSlowlyIsPatient) {
    SimulatedDevice device;
    device.begin(upgrade_to("1.1.0"));
    device.host.failing_probes = 5;
    device.follow();
    EXPECT_EQ(device.last_operation().state, OperationState::done);
}

TEST(TrialToBeCommitted, CommitsWhenSomebodySaysSoInTime) {
    SimulatedDevice device;
    device.when_event = [&](const Event& event) {
        if (event.type == "trial.awaits_commit") device.engine().commit(event.operation);
    };
    const auto operation = device.operate(with_trial(upgrade_to("1.1.0"), 10min));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(operation.commit_deadline, std::nullopt);
    EXPECT_EQ(device.running(), "1.1.0");
}

TEST(TrialToBeCommitted, GoesBackWhenNobodyCommitsInTime) {
    SimulatedDevice device;
    const auto operation = device.operate(with_trial(upgrade_to("1.1.0"), 10min));
    expect_fell_back(device, operation);
    EXPECT_EQ(operation.error->id, "trial.not_committed");
    EXPECT_THAT(operation.error->remedy, HasSubstr("--force slot"))
        << "without it, the way that is named would be refused";
}

TEST(TrialToBeCommitted, MayLastLongerThanOperationsMay) {
    SimulatedDevice device({.operation_timeout = 2h});
    const auto begun = device.clock.steady();
    device.clock.on_sleep = [&] {
        if (device.clock.steady() > begun + 3h) device.engine().commit(1);
    };
    EXPECT_EQ(device.operate(with_trial(upgrade_to("1.1.0"), 240min)).state, OperationState::done);
    EXPECT_GT(device.clock.steady(), begun + 3h);
}

TEST(TrialToBeCommitted, IsEndedByACancelAndTheSlotIsNotBad) {
    SimulatedDevice device;
    device.when_event = [&](const Event& event) {
        if (event.type != "trial.awaits_commit") return;
        EXPECT_TRUE(device.engine().cancel(event.operation));
    };
    const auto operation = device.operate(with_trial(upgrade_to("1.1.0"), 10min));
    EXPECT_EQ(operation.state, OperationState::cancelled);
    EXPECT_EQ(operation.error->id, "operation.cancelled");
    EXPECT_EQ(device.running(), "1.0.0");
    expect_marks(device, {.running = 1, .startup = 1, .committed = 1});
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::installed);
    EXPECT_FALSE(device.generation(2).bad);
    EXPECT_THAT(device.alarms(), IsEmpty());
    EXPECT_EQ(device.operate(request_of(OperationKind::activate)).state, OperationState::done);
}

TEST(TrialToBeCommitted, OutlivesARestartOfTheAgentWithItsDeadline) {
    SimulatedDevice device;
    int waits = 0;
    device.when_event = [&](const Event& event) {
        if (event.type == "trial.awaits_commit" && ++waits == 1) device.engine().stop();
    };
    device.begin(with_trial(upgrade_to("1.1.0"), 10min));
    device.follow();
    ASSERT_EQ(device.outcome(), Engine::Outcome::stopped);
    ASSERT_EQ(device.last_operation().state, OperationState::awaiting_commit);
    const auto deadline = device.last_operation().commit_deadline;
    device.clock.pass(4min);
    device.when_event = [&](const Event& event) {
        if (event.type != "trial.awaits_commit") return;
        EXPECT_EQ(device.last_operation().commit_deadline, deadline);
        device.engine().commit(event.operation);
    };
    device.restart_agent();
    EXPECT_EQ(device.last_operation().state, OperationState::done);
    EXPECT_EQ(device.running(), "1.1.0");
}

TEST(Revert, GoesBackToTheCommittedBaseWithoutAskingItsHealth) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    device.host.sick = {"1.0.0"};
    const auto operation = device.operate(request_of(OperationKind::revert));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(device.running(), "1.0.0");
    expect_marks(device, {.running = 1, .startup = 1, .committed = 1});
}

TEST(Revert, IsRefusedToABaseThatWasNeverCommitted) {
    SimulatedDevice device;
    (void)device.operate(install_of("1.1.0"));
    EXPECT_EQ(device.operate(request_of(OperationKind::revert)).error->id, "plan.never_committed");
}

TEST(Rollback, GoesToTheGenerationCommittedBefore) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    const auto operation = device.operate(request_of(OperationKind::rollback));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(device.running(), "1.0.0");
    expect_marks(device, {.running = 1, .startup = 1, .committed = 1});
}

TEST(Rollback, GoesToTheGenerationOfTheNumberGivenOrSaysWhyNot) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    (void)device.operate(upgrade_to("1.2.0"));
    auto request = request_of(OperationKind::rollback);
    request.generation = 1;
    EXPECT_EQ(device.operate(request).error->id, "plan.generation_not_kept");
    request.generation = 3;
    EXPECT_EQ(device.operate(request).error->id, "plan.already_running");
    request.generation = 77;
    EXPECT_EQ(device.operate(request).error->id, "plan.generation_unknown");
    request.generation = 2;
    EXPECT_EQ(device.operate(request).state, OperationState::done);
    EXPECT_EQ(device.running(), "1.1.0");
}

TEST(Rollback, TakesAStartupBackThatHasNotHappened) {
    SimulatedDevice device;
    (void)device.operate(at_next_startup(upgrade_to("1.1.0")));
    const auto operation = device.operate(request_of(OperationKind::rollback));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(operation.reboots, 0);
    expect_marks(device, {.running = 1, .startup = 1, .committed = 1});
    device.power_cycle();
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST(Rollback, OfASickGenerationFallsBackToWhereItCameFrom) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    device.host.sick = {"1.0.0"};
    const auto operation = device.operate(request_of(OperationKind::rollback));
    EXPECT_EQ(operation.state, OperationState::failed);
    EXPECT_EQ(device.running(), "1.1.0");
    expect_marks(device, {.running = 2, .startup = 2, .committed = 2});
}

TEST(Reboot, IsAnOperationThatEndsOnTheSameBase) {
    SimulatedDevice device;
    const auto operation = device.operate(request_of(OperationKind::reboot));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(operation.reboots, 1);
    EXPECT_EQ(device.running(), "1.0.0");
}

TEST(Commit, IsRefusedWhenNothingAwaitsIt) {
    SimulatedDevice device;
    const auto operation = device.operate(request_of(OperationKind::commit));
    EXPECT_EQ(operation.state, OperationState::refused);
    EXPECT_EQ(operation.error->id, "plan.nothing_on_trial");
}

}  // namespace
}  // namespace cutover
