// Packages on top of the base: in service, at the next startup, and cut.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/digest.h"
#include "engine/simulated_device.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/service_change.h"
#include "model/slot.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SimulatedPackage on_top(PackageKind kind, const std::string& name, std::string_view of) {
    SimulatedPackage package;
    auto& manifest = package.manifest;
    manifest.kind = kind;
    manifest.name = name;
    manifest.version = version(of);
    manifest.created = "2014-06-01T00:00:00Z";
    manifest.payload = {.type = PayloadType::tree,
                        .content_bytes = 1000,
                        .installed_bytes = 1000,
                        .chunk_count = 1};
    manifest.members = {
        {.name = "chunks.idx", .size_bytes = 100, .sha256 = to_hex(sha256("chunks"))},
        {.name = "payload", .size_bytes = 1000, .sha256 = to_hex(sha256("payload"))}};
    return package;
}

std::string file(const std::string& name, std::string_view of) {
    return "/packages/" + name + "-" + std::string(of);
}

class Packages : public testing::Test {
protected:
    Packages() {
        auto bgp = on_top(PackageKind::feature, "bgp", "1.0");
        bgp.manifest.services = {{.name = "bgpd", .command = {"bin/bgpd"}}};
        offer(bgp);
        bgp.manifest.version = version("1.1");
        offer(bgp);
        auto fix = on_top(PackageKind::patch, "fix", "1");
        fix.manifest.touches = {{.name = "bgpd", .on_change = OnChange::reload}};
        offer(fix);
    }

    void offer(const SimulatedPackage& package) {
        device.packages.packages.insert_or_assign(
            file(package.manifest.name, package.manifest.version.text()), package);
    }
    Request request(OperationKind kind, const std::string& name, std::string_view of) {
        return {.kind = kind, .sources = {file(name, of)}, .asked_by = "test@local"};
    }
    Request named(OperationKind kind, const std::string& name) {
        return {.kind = kind, .packages = {name}, .asked_by = "test@local"};
    }
    Operation install(const std::string& name, std::string_view of) {
        return device.operate(request(OperationKind::install, name, of));
    }
    // Of the packages on what a mark points to, "bgp 1.0".
    std::vector<std::string> on(GenerationId id) {
        std::vector<std::string> names;
        for (const auto& package : device.generation(id).packages)
            names.push_back(package.name + " " + package.version.text());
        return names;
    }
    std::vector<std::string> running() { return on(device.marks().running); }
    std::vector<std::string> committed() { return on(device.marks().committed); }
    // What runs, what boots start and what is shown are one thing, and no operation is open.
    void expect_at_rest() {
        const auto marks = device.marks();
        EXPECT_EQ(marks.running, marks.committed);
        EXPECT_EQ(marks.startup, marks.committed);
        std::vector<std::string> layers;
        for (const auto& package : device.generation(marks.running).packages)
            layers.push_back(package.digest);
        EXPECT_EQ(device.layers.shown(), layers);
        EXPECT_EQ(device.layers.startup(Slot::a)->committed, layers);
        EXPECT_FALSE(device.layers.startup(Slot::a)->trial);
        EXPECT_FALSE(*device.store().open_operation());
        EXPECT_EQ(device.layers.held.size(), layers.size()) << "nothing else is kept";
    }

    SimulatedDevice device;
};

TEST_F(Packages, AFeatureComesIntoServiceWithoutAReboot) {
    const auto boots = device.boot.boots();
    const auto done = install("bgp", "1.0");
    ASSERT_EQ(done.state, OperationState::done) << done.error->text();
    EXPECT_EQ(done.title, "install feature bgp 1.0");
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    EXPECT_EQ(device.boot.boots(), boots);
    ASSERT_EQ(device.services.actions_done.size(), 1U);
    EXPECT_EQ(device.services.actions_done.front().kind, ServiceActionKind::start);
    expect_at_rest();
    device.power_cycle();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
}

TEST_F(Packages, AnUpgradeAndItsRollbackRestartTheirServiceAlone) {
    install("bgp", "1.0");
    const auto before = device.marks().running;
    const auto done = device.operate(request(OperationKind::upgrade, "bgp", "1.1"));
    ASSERT_EQ(done.state, OperationState::done) << done.error->text();
    EXPECT_EQ(done.title, "upgrade feature bgp 1.0 -> 1.1");
    EXPECT_EQ(device.services.actions_done.back().kind, ServiceActionKind::restart);
    const auto back = device.operate(request_of(OperationKind::rollback));
    ASSERT_EQ(back.state, OperationState::done) << back.error->text();
    EXPECT_EQ(device.marks().running, before);
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    EXPECT_EQ(device.boot.boots(), 1);
}

TEST_F(Packages, GoingToAndFroDoesNotForgetWhatThereIsToGoBackTo) {
    install("bgp", "1.0");
    for (int i = 0; i < 2 * static_cast<int>(device.config.keep_generations); ++i) {
        const auto there = device.operate(request(OperationKind::upgrade, "bgp", "1.1"));
        ASSERT_EQ(there.state, OperationState::done) << there.error->text();
        const auto back = device.operate(request_of(OperationKind::rollback));
        ASSERT_EQ(back.state, OperationState::done) << back.error->text();
        ASSERT_THAT(running(), ElementsAre("bgp 1.0"));
    }
    EXPECT_LE(device.store().generations()->size(), device.config.keep_generations);
}

TEST_F(Packages, WhatDoesNotPassItsChecksGoesAtOnce) {
    device.when_event = [this](const Event& event) {
        if (event.type == "services.changed") device.host.failing_probes = 1000;
        if (event.type == "operation.undoing") device.host.failing_probes = 0;
    };
    const auto failed = install("bgp", "1.0");
    EXPECT_EQ(failed.state, OperationState::failed);
    EXPECT_THAT(failed.error->text(), HasSubstr("feature bgp 1.0 did not pass its checks"));
    EXPECT_THAT(running(), IsEmpty());
    EXPECT_EQ(device.services.actions_done.back().kind, ServiceActionKind::stop);
    EXPECT_THAT(device.alarms(), ElementsAre("upgrade-failed"));
    expect_at_rest();
}

TEST_F(Packages, AServiceThatDoesNotTakeTheChangeTakesItBack) {
    install("bgp", "1.0");
    bool once = true;
    device.when_event = [&](const Event& event) {
        if (event.type == "operation.undoing" && once) device.services.failing.clear();
    };
    device.services.failing = {"bgpd"};
    const auto failed = device.operate(request(OperationKind::upgrade, "bgp", "1.1"));
    EXPECT_EQ(failed.state, OperationState::failed);
    EXPECT_EQ(failed.error->id, "service.change_failed");
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    EXPECT_EQ(device.services.actions_done.back().kind, ServiceActionKind::restart)
        << "back on the old one";
    expect_at_rest();
}

TEST_F(Packages, ATrialThatNobodyCommitsEndsWithItsTime) {
    auto wanted = request(OperationKind::install, "bgp", "1.0");
    wanted.trial = std::chrono::minutes(5);
    const auto failed = device.operate(wanted);
    EXPECT_EQ(failed.state, OperationState::failed);
    EXPECT_EQ(failed.error->id, "trial.not_committed");
    EXPECT_THAT(running(), IsEmpty());
    expect_at_rest();
}

TEST_F(Packages, ARebootEndsATrialToo) {
    auto wanted = request(OperationKind::install, "bgp", "1.0");
    wanted.trial = std::chrono::minutes(5);
    device.when_event = [this](const Event& event) {
        if (event.type == "trial.awaits_commit") device.engine().stop();
    };
    const auto id = device.begin(wanted);
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    device.when_event = {};
    device.power_cycle();
    EXPECT_EQ(device.operation(id).state, OperationState::failed);
    EXPECT_THAT(running(), IsEmpty());
    expect_at_rest();
}

TEST_F(Packages, ACommitKeepsATrial) {
    auto wanted = request(OperationKind::install, "bgp", "1.0");
    wanted.trial = std::chrono::minutes(5);
    device.when_event = [this](const Event& event) {
        if (event.type == "trial.awaits_commit") device.engine().commit(event.operation);
    };
    EXPECT_EQ(device.operate(wanted).state, OperationState::done);
    EXPECT_THAT(committed(), ElementsAre("bgp 1.0"));
    expect_at_rest();
}

TEST_F(Packages, TheNextStartupTriesThemAndKeepsThem) {
    auto wanted = request(OperationKind::install, "bgp", "1.0");
    wanted.mode = Mode::next_startup;
    ASSERT_EQ(device.operate(wanted).state, OperationState::done);
    EXPECT_THAT(running(), IsEmpty());
    EXPECT_NE(device.marks().startup, device.marks().running);
    EXPECT_EQ(install("bgp", "1.1").error->id, "check.pending_reboot");
    device.power_cycle();
    EXPECT_THAT(committed(), ElementsAre("bgp 1.0"));
    expect_at_rest();
}

TEST_F(Packages, AStartupThatFailsItsChecksGoesBackByItself) {
    auto wanted = request(OperationKind::install, "bgp", "1.0");
    wanted.mode = Mode::next_startup;
    device.operate(wanted);
    device.when_event = [this](const Event& event) {
        if (event.type == "trial.started") device.host.failing_probes = 1000;
        if (event.type == "operation.undoing") device.host.failing_probes = 0;
    };
    device.power_cycle();
    EXPECT_EQ(device.operation(device.store().last_operation().value()).state,
              OperationState::failed);
    EXPECT_THAT(running(), IsEmpty());
    EXPECT_EQ(device.marks().startup, device.marks().committed);
    EXPECT_THAT(device.alarms(), ElementsAre("upgrade-failed"));
}

TEST_F(Packages, AStartupCanBeTakenBack) {
    auto wanted = request(OperationKind::install, "bgp", "1.0");
    wanted.mode = Mode::next_startup;
    device.operate(wanted);
    EXPECT_EQ(device.operate(request_of(OperationKind::rollback)).state, OperationState::done);
    device.power_cycle();
    EXPECT_THAT(running(), IsEmpty());
}

TEST_F(Packages, APatchGoesThroughItsStates) {
    install("bgp", "1.0");
    ASSERT_EQ(device.operate(request(OperationKind::fetch, "fix", "1")).state,
              OperationState::done);
    EXPECT_THAT(running(), ElementsAre("bgp 1.0")) << "deactive";

    ASSERT_EQ(device.operate(named(OperationKind::activate, "fix")).state, OperationState::done);
    EXPECT_THAT(running(), ElementsAre("bgp 1.0", "fix 1"));
    EXPECT_THAT(committed(), ElementsAre("bgp 1.0"));
    EXPECT_EQ(device.services.actions_done.back().kind, ServiceActionKind::reload);
    device.power_cycle();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0")) << "active does not survive a reboot";

    ASSERT_EQ(device.operate(named(OperationKind::activate, "fix")).state, OperationState::done);
    const auto kept = device.operate(named(OperationKind::commit, "fix"));
    ASSERT_EQ(kept.state, OperationState::done) << kept.error->text();
    EXPECT_THAT(committed(), ElementsAre("bgp 1.0", "fix 1"));
    expect_at_rest();
    device.power_cycle();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0", "fix 1")) << "running does";

    ASSERT_EQ(device.operate(named(OperationKind::deactivate, "fix")).state, OperationState::done);
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    EXPECT_EQ(device.layers.held.size(), 2U) << "loaded still";
    ASSERT_EQ(device.operate(named(OperationKind::discard, "fix")).state, OperationState::done);
    EXPECT_EQ(device.operate(named(OperationKind::activate, "fix")).error->id, "plan.not_at_hand");
}

TEST_F(Packages, AnActivePatchOutlivesAnotherChangeAndStaysOneThatIsNotKept) {
    install("bgp", "1.0");
    device.operate(request(OperationKind::fetch, "fix", "1"));
    device.operate(named(OperationKind::activate, "fix"));
    const auto done = device.operate(request(OperationKind::upgrade, "bgp", "1.1"));
    ASSERT_EQ(done.state, OperationState::done) << done.error->text();
    EXPECT_THAT(running(), ElementsAre("bgp 1.1", "fix 1"));
    EXPECT_THAT(committed(), ElementsAre("bgp 1.1"));
    device.power_cycle();
    EXPECT_THAT(running(), ElementsAre("bgp 1.1"));
}

TEST_F(Packages, TheyAreCarriedOverABaseUpgradeAndBack) {
    install("bgp", "1.0");
    const auto up = device.operate(upgrade_to("1.1.0"));
    ASSERT_EQ(up.state, OperationState::done) << up.error->text();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    EXPECT_EQ(device.layers.shown().size(), 1U);
    const auto back = device.operate(request_of(OperationKind::revert));
    ASSERT_EQ(back.state, OperationState::done) << back.error->text();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    EXPECT_EQ(device.generation(device.marks().running).base.version, version("1.0.0"));
}

TEST_F(Packages, ABaseThatIsActivatedLaterTakesWhatIsOnTopThen) {
    ASSERT_EQ(device.operate(install_of("1.1.0")).state, OperationState::done);
    install("bgp", "1.0");
    const auto up = device.operate(request_of(OperationKind::activate));
    ASSERT_EQ(up.state, OperationState::done) << up.error->text();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    EXPECT_EQ(device.generation(device.marks().running).base.version, version("1.1.0"));
}

TEST_F(Packages, ABootThatCouldNotShowThemIsMadeGood) {
    install("bgp", "1.0");
    const auto kept = device.layers.records;
    device.layers.records.clear();
    device.layers.boot(Slot::a);  // shows the base alone
    device.layers.records = kept;
    device.restart_agent();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    expect_at_rest();
}

TEST_F(Packages, AListOfPackagesThatWasLostIsMadeAnew) {
    install("bgp", "1.0");
    device.layers.records.clear();  // a boot finds none, and starts the base alone
    device.power_cycle();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    expect_at_rest();
}

TEST_F(Packages, WhatIsDamagedIsWrittenAnewByInstallingTheSameVersionAgain) {
    install("bgp", "1.0");
    const auto writes = device.layers.writes;
    EXPECT_EQ(install("bgp", "1.0").error->id, "plan.present");
    device.layers.damaged = {device.layers.shown().front()};
    const auto again = install("bgp", "1.0");
    ASSERT_EQ(again.state, OperationState::done) << again.error->text();
    EXPECT_EQ(device.layers.writes, writes + 1);
    EXPECT_TRUE(device.layers.damaged.empty());
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    expect_at_rest();
}

TEST_F(Packages, ABootWithoutALostPackageRaisesAnAlarmUntilItIsBack) {
    install("bgp", "1.0");
    device.layers.held.clear();
    device.power_cycle();
    EXPECT_THAT(device.layers.shown(), IsEmpty());
    EXPECT_THAT(device.alarms(), ElementsAre("packages-missing"));
    const auto again = install("bgp", "1.0");
    ASSERT_EQ(again.state, OperationState::done) << again.error->text();
    EXPECT_THAT(device.alarms(), IsEmpty());
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    expect_at_rest();
    device.power_cycle();
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
}

TEST_F(Packages, WhatWouldHideAPersistentPathIsRefusedBeforeAnythingIsWritten) {
    device.layers.conflict = true;
    const auto refused = install("bgp", "1.0");
    EXPECT_EQ(refused.state, OperationState::refused);
    EXPECT_EQ(refused.error->id, "layer.conflict");
    EXPECT_EQ(device.layers.writes, 0);
    EXPECT_EQ(device.layers.checked_base, "1.0.0");
    const auto preview = device.engine().preview(request(OperationKind::install, "bgp", "1.0"));
    ASSERT_TRUE(preview);
    EXPECT_EQ(preview->error->id, "layer.conflict");
    device.layers.conflict = false;
    install("bgp", "1.0");
    device.layers.conflict = true;
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).error->id, "layer.conflict")
        << "another base has other persistent paths";
    EXPECT_EQ(device.layers.checked_base, "1.1.0");
}

TEST_F(Packages, AReloadStopsWhereDataWouldBeLeftAlone) {
    auto keeper = on_top(PackageKind::feature, "keeper", "1.0");
    keeper.manifest.persist = {"etc/keeper"};
    offer(keeper);
    auto heir = on_top(PackageKind::feature, "heir", "1.0");
    heir.manifest.persist = {"etc"};
    offer(heir);
    install("keeper", "1.0");
    ASSERT_EQ(device.operate(named(OperationKind::deselect, "keeper")).state, OperationState::done);
    const auto refused = device.operate(request_of(OperationKind::reload));
    EXPECT_EQ(refused.state, OperationState::refused);
    EXPECT_EQ(refused.error->id, "check.data");
    EXPECT_THAT(refused.error->message, HasSubstr("keeper 1.0 (etc/keeper)"));
    EXPECT_THAT(running(), ElementsAre("keeper 1.0"));

    device.operate(request(OperationKind::fetch, "heir", "1.0"));
    device.operate(named(OperationKind::select, "heir"));
    const auto done = device.operate(request_of(OperationKind::reload));
    ASSERT_EQ(done.state, OperationState::done) << done.error->text();
    EXPECT_THAT(running(), ElementsAre("heir 1.0")) << "it keeps the same files";

    ASSERT_EQ(device.operate(named(OperationKind::deselect, "heir")).state, OperationState::done);
    auto forced = request_of(OperationKind::reload);
    forced.force = {"data"};
    EXPECT_EQ(device.operate(forced).state, OperationState::done);
    EXPECT_THAT(running(), IsEmpty());
}

TEST_F(Packages, WhatWasObtainedBeforeIsCheckedLikeWhatIsGiven) {
    auto next = on_top(PackageKind::feature, "bgp", "3.0");
    next.manifest.compatible.from = range(">=2.0");
    next.manifest.programs = {"no-such-program"};
    offer(next);
    install("bgp", "1.0");
    device.operate(request(OperationKind::fetch, "bgp", "3.0"));
    device.operate(named(OperationKind::select, "bgp"));
    auto reload = request_of(OperationKind::reload);
    EXPECT_EQ(device.operate(reload).error->id, "check.direct_upgrade");
    reload.force = {"direct-upgrade"};
    EXPECT_EQ(device.operate(reload).error->id, "check.programs");
    EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
}

TEST_F(Packages, AServiceThatStopsOrRestartsCountsAsAnInterruption) {
    EXPECT_EQ(install("bgp", "1.0").interruption.count(), 0) << "it starts";
    EXPECT_GT(device.operate(request(OperationKind::upgrade, "bgp", "1.1")).interruption.count(),
              0);
    EXPECT_GT(device.operate(named(OperationKind::uninstall, "bgp")).interruption.count(), 0);
}

// Stops the engine, as a power cut would, at the n-th event of an operation; then boots.
class CutAtEvent : public Packages, public testing::WithParamInterface<int> {
public:
    static constexpr int kMost = 60;

protected:
    Operation cut(const Request& wanted) {
        int events = 0;
        device.when_event = [&](const Event&) {
            if (++events == GetParam()) device.engine().stop();
        };
        const auto id = device.begin(wanted);
        device.when_event = {};
        EXPECT_LT(events, kMost) << "there are more events than cuts";
        device.power_cycle();
        EXPECT_TRUE(is_over(device.operation(id).state));
        return device.operation(id);
    }
};

TEST_P(CutAtEvent, AnInstallationEndsOnTheOldOrTheNew) {
    const auto operation = cut(request(OperationKind::install, "bgp", "1.0"));
    if (operation.state == OperationState::done) {
        EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    } else {
        EXPECT_THAT(running(), IsEmpty());
    }
    expect_at_rest();
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
}

TEST_P(CutAtEvent, AnUninstallationEndsOnTheOldOrTheNew) {
    install("bgp", "1.0");
    const auto operation = cut(named(OperationKind::uninstall, "bgp"));
    if (operation.state == OperationState::done) {
        EXPECT_THAT(running(), IsEmpty());
    } else {
        EXPECT_THAT(running(), ElementsAre("bgp 1.0"));
    }
    EXPECT_EQ(device.marks().running, device.marks().committed);
    EXPECT_EQ(device.marks().startup, device.marks().committed);
    EXPECT_FALSE(*device.store().open_operation());
}

INSTANTIATE_TEST_SUITE_P(Packages, CutAtEvent, testing::Range(1, CutAtEvent::kMost));

}  // namespace
}  // namespace cutover
