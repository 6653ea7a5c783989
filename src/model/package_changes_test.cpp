// What a request makes of the packages on top: what comes back, gives way, is lost, is warned of.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/planner_fixture.h"
#include "model/version.h"

namespace cutover {
namespace {

class OnANewBase : public OnTop {
protected:
    OfferedPackage next = upgrade_to("1.2.0").offered.front();
};

TEST_F(OnANewBase, WhatDoesNotRunThereGivesWayToAVersionAtHandThatDoes) {
    auto acl = package(PackageKind::feature, "acl", "2.0");
    acl.manifest.compatible.base = VersionRange::parse("<1.2").value();
    put(acl);
    const auto refused = plan_with(OperationKind::upgrade, next);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, "plan.unresolvable");
    EXPECT_THAT(refused.error().remedy, testing::HasSubstr("--force packages"));

    auto strict = package(PackageKind::feature, "acl", "2.3");
    strict.manifest.compatible.from = VersionRange::parse(">=2.1").value();
    obtain(strict);
    obtain(package(PackageKind::feature, "acl", "2.1"));
    obtain(package(PackageKind::feature, "acl", "2.2"));
    const auto made = plan_with(OperationKind::upgrade, next);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0", "acl-2.2"))
        << "the newest that accepts the one that is there";
    EXPECT_THAT(made->notes, testing::ElementsAre("acl 2.0 does not run on nos 1.2.0: 2.2, which "
                                                  "is at hand, comes in its place"));
}

TEST_F(OnANewBase, ForcedPackagesAreCarriedOverWithWhatIsOfferedAndThatIsSaid) {
    web.manifest.compatible.base = VersionRange::parse("<1.2").value();
    input.at_hand = {web};
    input.request.force = {"packages"};
    input.offered = {next, package(PackageKind::feature, "bgp", "8.5")};
    const auto made = plan(OperationKind::upgrade);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0", "bgp-8.5"));
    EXPECT_EQ(made->layers.size(), 1U);
    EXPECT_THAT(made->notes,
                testing::ElementsAre(testing::HasSubstr("2 packages are carried over by --force")));
}

TEST_F(OnANewBase, AnOlderFeatureThatHidesOneOfTheBaseIsWarnedAbout) {
    next.manifest.includes = {
        {.kind = PackageKind::feature, .name = "web", .version = version("1.5")}};
    const auto made = plan_with(OperationKind::upgrade, next);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(
        made->warnings,
        testing::ElementsAre(testing::HasSubstr("web 1.0 hides the newer 1.5 of nos 1.2.0")));
    next.manifest.includes.front().version = version("0.9");
    EXPECT_TRUE(plan_with(OperationKind::upgrade, next)->warnings.empty());
}

TEST_F(OnANewBase, APatchThatIsActiveOnlyIsNotCarriedOver) {
    obtain(patch);
    auto active = input.generations.back();
    active.id = 3;
    active.committed_once = false;
    active.packages.push_back(ref(patch));
    input.generations.push_back(active);
    input.marks.running = 3;
    const auto made = plan_with(OperationKind::upgrade, next);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0"));
    EXPECT_THAT(made->notes,
                testing::ElementsAre(testing::HasSubstr("patch fix 1.0 is active until")));
}

TEST_F(OnTop, APatchOfAServiceThatNothingBringsIsWarnedAbout) {
    patch.manifest.touches = {{.name = "webd"}};
    auto made = plan_with(OperationKind::install, patch);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(made->warnings,
                testing::ElementsAre("fix 1.0 touches the service webd, which nothing brings"));
    input.at_hand.front().manifest.services = {{.name = "webd", .command = {"bin/webd"}}};
    EXPECT_TRUE(plan_with(OperationKind::install, patch)->warnings.empty());
    put(patch);
    input.offered.clear();
    made = plan(OperationKind::uninstall, {"web"});
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->warnings.size(), 1U) << "what it touched goes";
}

// A patch that replaces others has been activated, and is not kept.
class Replacing : public OnTop {
protected:
    Replacing() {
        put(patch);
        whole.manifest.replaces = {"*"};
        obtain(whole);
        auto active = input.generations.back();
        active.id = 3;
        active.packages = {ref(web), ref(whole)};
        input.generations.push_back(active);
        input.marks.running = 3;
    }
    OfferedPackage whole = package(PackageKind::patch, "whole", "1.0");
};

TEST_F(Replacing, BringsBackWhatItReplacedSoThatWhatRunsIsWhatBootsStart) {
    const auto made = plan(OperationKind::deactivate, {"whole"});
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->title, "deactivate patch whole 1.0");
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0", "fix-1.0"));
    EXPECT_FALSE(made->startup);
    EXPECT_THAT(made->notes,
                testing::ElementsAre("fix 1.0, which whole 1.0 had replaced, is back"));
}

TEST_F(Replacing, SaysThatItDoesNotOnceItIsKept) {
    input.marks = {.running = 3, .startup = 3, .committed = 3};
    const auto made = plan(OperationKind::deactivate, {"whole"});
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0"));
    EXPECT_THAT(made->notes, testing::ElementsAre(testing::HasSubstr(
                                 "fix 1.0, which whole 1.0 has replaced, does not come back")));
    EXPECT_THAT(made->notes.front(), testing::HasSubstr("cutover rollback 2"));
}

TEST_F(OnTop, WhatWasLostIsInstalledAgainOrGivenUp) {
    input.at_hand.clear();
    const auto bgp = package(PackageKind::feature, "bgp", "8.5");
    const auto dead_end = plan_with(OperationKind::install, bgp);
    ASSERT_FALSE(dead_end);
    EXPECT_EQ(dead_end.error().id, "plan.package_lost");
    EXPECT_THAT(dead_end.error().message, testing::HasSubstr("web 1.0"));

    const auto again = plan_with(OperationKind::install, web);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->title, "install feature web 1.0");
    EXPECT_THAT(kinds(*again), testing::Contains(StepKind::write_layer));
    EXPECT_THAT(again->notes, testing::ElementsAre("web 1.0 is written anew"));

    input.offered = {web, bgp};
    const auto both = plan(OperationKind::install);
    ASSERT_TRUE(both) << both.error().text();
    EXPECT_EQ(both->layers.size(), 2U);

    input.offered.clear();
    const auto gone = plan(OperationKind::uninstall, {"web"});
    ASSERT_TRUE(gone) << gone.error().text();
    EXPECT_TRUE(gone->target.packages.empty());

    auto before = input.generations.back();
    before.id = 3;
    before.packages = {ref(bgp)};
    input.generations.push_back(before);
    input.request.generation = 3;
    const auto rollback = plan(OperationKind::rollback);
    ASSERT_FALSE(rollback);
    EXPECT_THAT(rollback.error().remedy, testing::HasSubstr("packages fetch"));
    at_hand(web);
    input.depot.selected = {ref(bgp)};
    EXPECT_THAT(plan(OperationKind::reload).error().remedy, testing::HasSubstr("packages drop"));
}

TEST_F(OnTop, WhatRunsNoMoreAndBootsStartStillCanBeTakenAway) {
    auto rescued = input.generations.back();
    rescued.id = 3;
    rescued.packages.clear();
    input.generations.push_back(rescued);
    input.marks.running = 3;
    const auto gone = plan(OperationKind::uninstall, {"web"});
    ASSERT_TRUE(gone) << gone.error().text();
    EXPECT_TRUE(gone->target.packages.empty());
    EXPECT_FALSE(gone->startup);
}

TEST_F(OnTop, OnlyWhatIsObtainedIsDropped) {
    obtain(package(PackageKind::feature, "web", "1.1"));
    obtain(package(PackageKind::feature, "bgp", "8.4"));
    obtain(package(PackageKind::feature, "bgp", "8.5"));
    EXPECT_EQ(plan(OperationKind::discard, {"web"}).error().id, "plan.in_use");
    const auto newer = plan(OperationKind::discard, {"web@1.1"});
    ASSERT_TRUE(newer) << newer.error().text();
    EXPECT_EQ(newer->depot.value_or(Depot{}).obtained.size(), 2U);
    input.depot.selected = {input.depot.obtained.back()};
    const auto all = plan(OperationKind::discard, {"bgp"});
    ASSERT_TRUE(all) << all.error().text();
    const auto left = all->depot.value_or(input.depot);
    EXPECT_EQ(left.obtained.size(), 1U);
    EXPECT_TRUE(left.selected.empty()) << "what is not at hand cannot come";
}

TEST_F(OnTop, CommandsForOneKindRefuseOthersAndSayWhereTheyBelong) {
    input.request.only_kind = PackageKind::patch;
    const auto bgp = package(PackageKind::feature, "bgp", "8.5");
    const auto fetched = plan_with(OperationKind::fetch, bgp);
    ASSERT_FALSE(fetched);
    EXPECT_EQ(fetched.error().id, "plan.other_kind");
    EXPECT_THAT(fetched.error().remedy, testing::HasSubstr("cutover packages fetch"));
    EXPECT_TRUE(plan_with(OperationKind::fetch, patch));
    obtain(bgp);
    input.offered.clear();
    const auto dropped = plan(OperationKind::discard, {"bgp"});
    ASSERT_FALSE(dropped);
    EXPECT_THAT(dropped.error().remedy, testing::HasSubstr("cutover packages drop"));
    EXPECT_EQ(plan(OperationKind::discard, {"web"}).error().id, "plan.other_kind");
}

// A pack for the base that runs, with one member.
class OfAPack : public OnTop {
protected:
    Result<Plan> apply(const OfferedPackage& member) {
        OfferedPackage pack = package(PackageKind::pack, "updates", "1");
        pack.manifest.level = 1;
        input.pack = pack;
        input.offered = {member, package(PackageKind::feature, "bgp", "8.5")};
        return plan(OperationKind::upgrade);
    }
};

TEST_F(OfAPack, AMemberThatTheBaseHasAsNewIsSkipped) {
    input.base->includes = {
        {.kind = PackageKind::feature, .name = "dhcp", .version = version("2.5")}};
    const auto older = apply(package(PackageKind::feature, "dhcp", "2.0"));
    ASSERT_TRUE(older) << older.error().text();
    EXPECT_THAT(names(older->target.packages), testing::ElementsAre("web-1.0", "bgp-8.5"));
    EXPECT_THAT(older->notes, testing::ElementsAre("dhcp 2.0 is skipped: 2.5 is there"));
    const auto newer = apply(package(PackageKind::feature, "dhcp", "2.6"));
    ASSERT_TRUE(newer) << newer.error().text();
    EXPECT_THAT(names(newer->target.packages), testing::Contains("dhcp-2.6"));
}

TEST_F(OfAPack, APatchIsNotUpgradedByItUnlessItReplacesTheOldOne) {
    put(patch);
    auto newer = package(PackageKind::patch, "fix", "2.0");
    const auto refused = apply(newer);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, "plan.matrix");
    EXPECT_THAT(refused.error().message, testing::HasSubstr("fix 1.0 is there, not 2.0"));
    newer.manifest.replaces = {"fix"};
    const auto replaced = apply(newer);
    ASSERT_TRUE(replaced) << replaced.error().text();
    EXPECT_THAT(names(replaced->target.packages),
                testing::ElementsAre("web-1.0", "bgp-8.5", "fix-2.0"));
}

TEST_F(OfAPack, AHookOfAMemberThatIsSkippedIsNotRun) {
    auto member = web;
    member.manifest.hooks = {{"preinstall", "hooks/stop"}};
    const auto skipped = apply(member);
    ASSERT_TRUE(skipped) << skipped.error().text();
    EXPECT_THAT(kinds(*skipped), testing::Not(testing::Contains(StepKind::hook)));
    member = package(PackageKind::feature, "web", "1.1");
    member.manifest.hooks = {{"preinstall", "hooks/stop"}};
    EXPECT_THAT(kinds(apply(member).value()), testing::Contains(StepKind::hook));
}

TEST_F(OnTop, APatchThatNamesTheOldOneTakesItsPlaceAndNoOtherDoes) {
    put(patch);
    auto newer = package(PackageKind::patch, "fix", "2.0");
    EXPECT_EQ(plan_with(OperationKind::install, newer).error().id, "plan.other_version");
    obtain(newer);
    input.offered.clear();
    EXPECT_EQ(plan(OperationKind::activate, {"fix"}).error().id, "plan.matrix");
    input.depot.selected = {ref(newer)};
    EXPECT_EQ(plan(OperationKind::reload).error().id, "plan.matrix");
    newer.manifest.replaces = {"fix"};
    const auto made = plan_with(OperationKind::install, newer);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(names(made->target.packages), testing::ElementsAre("web-1.0", "fix-2.0"));
}

TEST_F(OnTop, WhatWasObtainedBeforeBringsItsHooksWhenItComes) {
    auto bgp = package(PackageKind::feature, "bgp", "8.5");
    bgp.manifest.hooks = {{"preinstall", "hooks/stop"}};
    const auto fetched = plan_with(OperationKind::fetch, bgp);
    ASSERT_TRUE(fetched) << fetched.error().text();
    EXPECT_THAT(kinds(*fetched), testing::Not(testing::Contains(StepKind::hook)))
        << "nothing that runs changes";
    input.offered.clear();
    obtain(bgp);
    const auto lost = plan(OperationKind::install, {"bgp"});
    ASSERT_FALSE(lost);
    EXPECT_THAT(lost.error().message, testing::HasSubstr("the hooks of bgp 8.5 are not kept"));
    EXPECT_THAT(lost.error().remedy, testing::HasSubstr("cutover install FILE"));
    input.at_hand.back().source = "/device/packages/bgp-8.5";
    const auto made = plan(OperationKind::install, {"bgp"});
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_THAT(kinds(*made), testing::IsSupersetOf({StepKind::unpack_hooks, StepKind::hook}));
}

TEST_F(OnTop, TheModulesOfWhatIsObtainedAreKeptForWhenItComes) {
    auto bgp = package(PackageKind::feature, "bgp", "8.5");
    bgp.manifest.config_modules = {"hooks/yang/bgp.yang"};
    const auto fetched = plan_with(OperationKind::fetch, bgp);
    ASSERT_TRUE(fetched) << fetched.error().text();
    EXPECT_THAT(kinds(*fetched), testing::Contains(StepKind::unpack_hooks));
}

TEST_F(OnTop, TitlesOfMarksSayWhatBecomesOfThem) {
    obtain(package(PackageKind::feature, "web", "1.1"));
    input.depot = *plan(OperationKind::deselect, {"web"})->depot;
    const auto other = plan(OperationKind::select, {"web@1.1"});
    ASSERT_TRUE(other) << other.error().text();
    EXPECT_EQ(other->title, "mark feature web 1.1 to come with the next reload");
    EXPECT_EQ(other->depot.value_or(Depot{}).selected.size(), 1U) << "it does come";
    const auto stays = plan(OperationKind::select, {"web"});
    ASSERT_TRUE(stays) << stays.error().text();
    EXPECT_EQ(stays->title, "take the mark off feature web 1.0");
    EXPECT_EQ(plan(OperationKind::discard, {"web@1.1"})->title, "drop feature web 1.1");
}

TEST_F(OnTop, AnotherVersionThanTheOneThatIsThereIsNamed) {
    const auto made = plan(OperationKind::uninstall, {"web@2.0"});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().message, "web 1.0 is there, not web@2.0");
}

}  // namespace
}  // namespace cutover
