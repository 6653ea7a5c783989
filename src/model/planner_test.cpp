#include "model/planner.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner_fixture.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover {
namespace {

TEST(Planner, AnUpgradeWritesTheStandbySlotThenTriesIt) {
    const auto plan = make_plan(upgrade_to("1.2.0"));
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->title, "upgrade base nos 1.1.0 -> 1.2.0");
    EXPECT_EQ(plan->target.slot, Slot::a);
    using enum StepKind;
    EXPECT_THAT(kinds(*plan), testing::ElementsAre(capture_evidence, write_slot, capture_evidence,
                                                   carry_persistent, record_generation, arm_trial,
                                                   reboot, check_trial, capture_evidence, commit));
}

TEST(Planner, MigrationsThatComeWithoutModulesAreKeptToo) {
    auto input = upgrade_to("1.2.0");
    EXPECT_THAT(kinds(*make_plan(input)), testing::Not(testing::Contains(StepKind::unpack_hooks)));
    input.offered.front().manifest.config_migrations = "hooks/migrations";
    EXPECT_THAT(kinds(*make_plan(input)), testing::Contains(StepKind::unpack_hooks));
}

TEST(Planner, WhoAsksForABaseGetsThatOneOrNothing) {
    const auto asked = [](const WantedBase& wanted, PlanInput input) {
        input.request.kind = OperationKind::install;
        input.request.only_base = wanted;
        const auto plan = make_plan(input);
        return plan ? std::string("planned") : plan.error().id;
    };
    EXPECT_EQ(asked({}, upgrade_to("1.2.0")), "planned");
    EXPECT_EQ(asked({.name = "nos", .version = "1.2.0"}, upgrade_to("1.2.0")), "planned");
    EXPECT_EQ(asked({.name = "nos"}, upgrade_to("1.2.0")), "planned");
    EXPECT_EQ(asked({.name = "other"}, upgrade_to("1.2.0")), "plan.other_image");
    EXPECT_EQ(asked({.version = "1.2.1"}, upgrade_to("1.2.0")), "plan.other_image");
    EXPECT_EQ(asked({.not_running = true}, upgrade_to("1.2.0")), "planned");
    EXPECT_EQ(asked({}, upgrade_to("1.1.0")), "planned");
    EXPECT_EQ(asked({.not_running = true}, upgrade_to("1.1.0")), "plan.running_base");
    auto patch = upgrade_to("1.2.0");
    patch.offered.front().manifest.kind = PackageKind::patch;
    EXPECT_EQ(asked({}, patch), "plan.other_image");
}

TEST(Planner, NextStartupLeavesTheRebootToSomebodyElse) {
    auto input = upgrade_to("1.2.0");
    input.request.mode = Mode::next_startup;
    const auto plan = make_plan(input);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->steps.back().kind, StepKind::arm_trial);
}

TEST(Planner, ARevertSkipsTheHealthChecks) {
    auto input = device();
    input.request.kind = OperationKind::revert;
    const auto plan = make_plan(input);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->target.id, 1);
    EXPECT_THAT(kinds(*plan), testing::Not(testing::Contains(StepKind::check_trial)));
    EXPECT_THAT(kinds(*plan), testing::Contains(StepKind::commit));
}

TEST(Planner, ARevertToWhatWasNeverCommittedIsRefused) {
    auto input = device();
    input.generations.front().committed_once = false;
    input.request.kind = OperationKind::revert;
    EXPECT_EQ(make_plan(input).error().id, "plan.never_committed");
}

TEST(Planner, ABadStandbyIsActivatedOnlyByForce) {
    auto input = device();
    input.generations.front().bad = true;
    input.request.kind = OperationKind::activate;
    EXPECT_EQ(make_plan(input).error().id, "plan.standby_bad");
    input.request.force = {"slot"};
    EXPECT_TRUE(make_plan(input));
}

TEST(Planner, ARollbackNeedsAGenerationThatIsKept) {
    auto input = device();
    input.request.kind = OperationKind::rollback;
    EXPECT_EQ(make_plan(input)->target.id, 1) << "by default the one before";
    input.request.generation = 2;
    EXPECT_EQ(make_plan(input).error().id, "plan.already_running");
    input.request.generation = 7;
    EXPECT_EQ(make_plan(input).error().id, "plan.generation_unknown");
    input.generations.front().kept = false;
    input.request.generation = 1;
    EXPECT_EQ(make_plan(input).error().id, "plan.generation_not_kept");
}

TEST(Planner, ARollbackFirstTakesBackAStartupThatHasNotHappened) {
    auto input = device();
    input.marks.startup = 1;
    input.request.kind = OperationKind::rollback;
    const auto plan = make_plan(input);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->steps.back().kind, StepKind::disarm_trial);
    EXPECT_EQ(plan->target.id, 2);
}

TEST(Planner, ABaseInServiceIsRefusedByTheMatrix) {
    auto input = upgrade_to("1.2.0");
    input.request.mode = Mode::in_service;
    EXPECT_EQ(make_plan(input).error().id, "plan.matrix");
    input = device();
    input.request.kind = OperationKind::commit;
    EXPECT_EQ(make_plan(input).error().id, "plan.nothing_on_trial");
}

// ---- packages on top ----------------------------------------------------------------------------

TEST_F(OnTop, AFeatureIsInstalledInServiceAndCommitted) {
    const auto made =
        plan_with(OperationKind::install, package(PackageKind::feature, "bgp", "8.5"));
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->title, "install feature bgp 8.5");
    EXPECT_EQ(made->target.slot, Slot::b);
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0", "bgp-8.5"));
    using enum StepKind;
    EXPECT_THAT(kinds(*made), testing::ElementsAre(capture_evidence, write_layer, prepare_view,
                                                   capture_evidence, record_generation, switch_view,
                                                   check_trial, capture_evidence, commit));
}

TEST_F(OnTop, AnUpgradeNamesBothVersions) {
    const auto made =
        plan_with(OperationKind::upgrade, package(PackageKind::feature, "web", "1.1"));
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->title, "upgrade feature web 1.0 -> 1.1");
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.1"));
    EXPECT_EQ(
        plan_with(OperationKind::install, package(PackageKind::feature, "web", "1.1")).error().id,
        "plan.other_version");
    EXPECT_EQ(plan_with(OperationKind::install, web).error().id, "plan.present");
}

TEST_F(OnTop, TheNextStartupTriesItWithoutASwitch) {
    input.request.mode = Mode::next_startup;
    const auto made = plan(OperationKind::uninstall, {"web"});
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(kinds(*made), testing::Not(testing::Contains(StepKind::switch_view)));
    EXPECT_EQ(made->steps.back().kind, StepKind::arm_trial);
    EXPECT_TRUE(made->target.packages.empty());
}

TEST_F(OnTop, AnActivePatchIsInWhatRunsAndNotInWhatBootsStart) {
    obtain(patch);
    const auto made = plan(OperationKind::activate, {"fix"});
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->steps.back().kind, StepKind::hold);
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0", "fix-1.0"));
    ASSERT_TRUE(made->startup);
    EXPECT_EQ(made->startup->id, 2) << "boots start what they did";
}

TEST_F(OnTop, WhileAPatchIsActiveAnotherChangeConcernsBothSets) {
    obtain(patch);
    auto active = input.generations.back();
    active.id = 3;
    active.committed_once = false;
    active.packages.push_back(ref(patch));
    input.generations.push_back(active);
    input.marks.running = 3;
    const auto made =
        plan_with(OperationKind::install, package(PackageKind::feature, "bgp", "8.5"));
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(names(made->target.packages),
                testing::ElementsAre("web-1.0", "bgp-8.5", "fix-1.0"));
    ASSERT_TRUE(made->startup);
    EXPECT_THAT(names(made->startup->packages), testing::ElementsAre("web-1.0", "bgp-8.5"));

    input.offered.clear();
    const auto kept = plan(OperationKind::commit, {"fix"});
    ASSERT_TRUE(kept) << kept.error().text();
    EXPECT_FALSE(kept->startup) << "what runs is what boots start from then on";
    EXPECT_EQ(kept->target.id, 3);
    const auto gone = plan(OperationKind::deactivate, {"fix"});
    ASSERT_TRUE(gone) << gone.error().text();
    EXPECT_THAT(names(gone->target.packages), testing::ElementsAre("web-1.0"));
}

TEST_F(OnTop, ARollbackToAGenerationOnTheSameBaseIsInService) {
    auto before = input.generations.back();
    before.id = 3;
    before.packages.clear();
    input.generations.push_back(before);
    input.request.generation = 3;
    const auto made = plan(OperationKind::rollback);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->target.id, 3);
    EXPECT_THAT(kinds(*made), testing::Contains(StepKind::switch_view));
    EXPECT_THAT(kinds(*made), testing::Not(testing::Contains(StepKind::reboot)));
}

TEST_F(OnTop, ARollbackPassesByGenerationsThatHoldWhatRuns) {
    const auto running = input.generations.back();
    auto before = running;
    before.id = 3;
    before.packages.clear();
    before.committed_once = true;
    auto same = running;
    same.id = 4;
    same.committed_once = true;
    input.generations.push_back(before);
    input.generations.push_back(same);
    const auto made = plan(OperationKind::rollback);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->target.id, 3);
}

TEST_F(OnTop, WhatIsNotThereCannotGo) {
    input.base->includes = {
        {.kind = PackageKind::feature, .name = "dhcp", .version = version("1")}};
    EXPECT_EQ(plan(OperationKind::uninstall, {"nothing"}).error().id, "plan.not_present");
    EXPECT_EQ(plan(OperationKind::uninstall, {"dhcp"}).error().id, "plan.integrated");
    EXPECT_EQ(plan(OperationKind::uninstall, {"nos"}).error().id, "plan.matrix");
    EXPECT_EQ(plan(OperationKind::deactivate, {"web"}).error().id, "plan.only_patches");
    EXPECT_EQ(plan(OperationKind::commit, {"web"}).error().id, "plan.not_active");
    EXPECT_EQ(plan(OperationKind::reload).error().id, "plan.nothing_selected");
    EXPECT_EQ(plan(OperationKind::activate, {"fix"}).error().id, "plan.not_at_hand");
}

TEST_F(OnTop, AReloadMakesAllThatWasMarkedTakeEffectTogether) {
    const auto bgp = package(PackageKind::feature, "bgp", "8.5");
    obtain(bgp);
    const auto marked = plan(OperationKind::select, {"bgp"});
    ASSERT_TRUE(marked) << marked.error().text();
    ASSERT_TRUE(marked->depot);
    input.depot = *marked->depot;
    input.depot = *plan(OperationKind::deselect, {"web"})->depot;
    const auto made = plan(OperationKind::reload);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->title, "reload: add feature bgp 8.5, remove feature web 1.0");
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("bgp-8.5"));
    ASSERT_TRUE(made->depot);
    EXPECT_TRUE(made->depot->selected.empty());
    EXPECT_TRUE(made->depot->deselected.empty());
}

TEST_F(OnTop, APackIsAppliedAsOneAndRaisesTheLevel) {
    OfferedPackage pack = package(PackageKind::pack, "pack-2", "2");
    pack.manifest.level = 2;
    pack.manifest.compatible.base = VersionRange::parse(">=1.1 <1.2").value();
    input.pack = pack;
    input.offered = {package(PackageKind::feature, "web", "1.1"),
                     package(PackageKind::feature, "bgp", "8.5")};
    const auto made = plan(OperationKind::upgrade);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->title, "apply update pack pack-2 2 (level 0 -> 2)");
    EXPECT_EQ(made->target.update_level, 2);
    EXPECT_EQ(made->layers.size(), 2U);

    input.offered.front() = package(PackageKind::feature, "web", "0.9");
    const auto older = plan(OperationKind::upgrade);
    ASSERT_TRUE(older) << older.error().text();
    EXPECT_THAT(names(older->target.packages), testing::Contains("web-1.0"));
    EXPECT_THAT(older->notes, testing::ElementsAre("web 0.9 is skipped: 1.0 is there"));

    input.generations.back().update_level = 2;
    EXPECT_EQ(plan(OperationKind::upgrade).error().id, "plan.pack_not_newer");
    input.pack->manifest.compatible.base = VersionRange::parse(">=2.0").value();
    EXPECT_EQ(plan(OperationKind::upgrade).error().id, "plan.pack_base");
}

TEST_F(OnTop, ANewBaseSaysWhatBecomesOfItsPatches) {
    auto carried = package(PackageKind::patch, "carried", "1.0");
    auto dropped = package(PackageKind::patch, "dropped", "1.0");
    dropped.manifest.compatible.base = VersionRange::parse("=1.1.0").value();
    auto superseded = dropped;
    superseded.manifest.name = "superseded";
    superseded.digest = "superseded-1.0";
    for (const auto* one : {&carried, &dropped, &superseded}) put(*one);
    auto next = upgrade_to("1.2.0").offered.front();
    next.manifest.includes = {
        {.kind = PackageKind::patch, .name = "superseded", .version = version("1.0")}};
    const auto made = plan_with(OperationKind::upgrade, next);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0", "carried-1.0"));
    EXPECT_THAT(made->notes,
                testing::ElementsAre("patch carried 1.0 is carried over",
                                     "patch dropped 1.0 is dropped: it is not for nos 1.2.0",
                                     "patch superseded 1.0 is superseded: nos 1.2.0 includes it"));
}

TEST(Planner, ScriptsStandAmongTheStepsByTheirPrefix) {
    auto input = upgrade_to("1.2.0");
    input.scripts = {{.stage = Stage::postexecute, .order = 99, .name = "last"},
                     {.stage = Stage::prep, .order = 10, .name = "first"},
                     {.stage = Stage::postexecute, .order = 45, .name = "before the reboot"}};
    const auto plan = make_plan(input).value();
    EXPECT_EQ(plan.steps.front().name, "first");
    EXPECT_EQ(plan.steps.back().name, "last");
    const auto at = std::ranges::find(plan.steps, "before the reboot", &Step::name);
    EXPECT_EQ(std::next(at)->kind, StepKind::reboot);
}

TEST(PlanIdentity, ChangesWithWhatThePlanDoesAndNothingElse) {
    const auto identity = [](const PlanInput& input) {
        return plan_identity(input, make_plan(input).value());
    };
    const auto base = upgrade_to("1.2.0");
    auto later = base;
    later.now += std::chrono::hours(5);
    later.request.asked_by = "somebody";
    EXPECT_EQ(identity(base), identity(later));

    EXPECT_NE(identity(base), identity(upgrade_to("1.3.0")));
    auto script = base;
    script.scripts = {{.stage = Stage::prep, .name = "x", .digest = "1"}};
    auto changed_script = script;
    changed_script.scripts.front().digest = "2";
    EXPECT_NE(identity(script), identity(changed_script));
    auto forced = base;
    forced.request.force = {"health"};
    EXPECT_NE(identity(base), identity(forced));
}

TEST(UpgradePath, FindsTheShortestWayThroughIntermediateVersions) {
    const auto offer = [](const std::string& of, const std::string& from) {
        Manifest manifest;
        manifest.version = version(of);
        manifest.compatible.from = VersionRange::parse(from).value();
        return manifest;
    };
    const std::vector<Manifest> offered{offer("2.0", ">=1.2"), offer("1.1", ">=1.0"),
                                        offer("1.2", ">=1.1"), offer("1.3", ">=1.0")};
    const auto path = upgrade_path(version("1.0"), offered, version("2.0"));
    ASSERT_EQ(path.size(), 2U);
    EXPECT_EQ(path.front().text(), "1.3");
    EXPECT_TRUE(upgrade_path(version("0.9"), offered, version("2.0")).empty());
}

}  // namespace
}  // namespace cutover
