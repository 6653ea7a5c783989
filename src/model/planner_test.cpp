#include "model/planner.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cutover {
namespace {

Version version(const std::string& text) { return Version::parse(text).value(); }

Generation generation(GenerationId id, const std::string& of, Slot slot) {
    Generation made;
    made.id = id;
    made.base = {.name = "nos", .version = version(of), .digest = "digest-" + of};
    made.slot = slot;
    made.committed_once = true;
    return made;
}

// Runs 1.1.0 from slot B; 1.0.0 is committed in slot A.
PlanInput device() {
    PlanInput input;
    input.generations = {generation(1, "1.0.0", Slot::a), generation(2, "1.1.0", Slot::b)};
    input.marks = {.running = 2, .startup = 2, .committed = 2};
    input.slots = {{.slot = Slot::a, .state = SlotState::installed},
                   {.slot = Slot::b, .state = SlotState::installed}};
    input.active = Slot::b;
    return input;
}

PlanInput upgrade_to(const std::string& text) {
    auto input = device();
    input.request.kind = OperationKind::upgrade;
    input.request.sources = {"/tmp/nos.cc"};
    OfferedPackage package{.source = "/tmp/nos.cc", .digest = "digest-" + text};
    package.manifest.name = "nos";
    package.manifest.version = version(text);
    package.manifest.persist = {"etc/nos.conf"};
    input.package = package;
    return input;
}

std::vector<StepKind> kinds(const Plan& plan) {
    std::vector<StepKind> result;
    for (const auto& step : plan.steps) result.push_back(step.kind);
    return result;
}

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

TEST(Planner, OtherKindsAndInServiceAreRefusedWithTheirReasons) {
    auto input = upgrade_to("1.2.0");
    input.request.mode = Mode::in_service;
    EXPECT_EQ(make_plan(input).error().id, "plan.base_in_service");
    input = upgrade_to("1.2.0");
    input.package->manifest.kind = PackageKind::patch;
    EXPECT_EQ(make_plan(input).error().id, "plan.kind_unsupported");
    input = device();
    input.request.kind = OperationKind::commit;
    EXPECT_EQ(make_plan(input).error().id, "plan.nothing_on_trial");
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
