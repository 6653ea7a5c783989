#include "model/resolver.h"

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/version.h"

namespace cutover {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Ranges = std::initializer_list<std::pair<const char*, const char*>>;

Version version(const std::string& text) { return Version::parse(text).value(); }
VersionRange range(const std::string& text) { return VersionRange::parse(text).value(); }

struct Parts {
    PackageKind kind = PackageKind::feature;
    const char* base = "";
    Ranges needs;
    Ranges conflicts;
    Ranges provides;
    std::vector<std::string> replaces;
};

// The device runs nos 2.1, which includes the feature snmp 5.0 and provides libc 2.36.
class Resolver : public testing::Test {
protected:
    Resolver() {
        base_.name = "nos";
        base_.version = version("2.1");
        base_.includes.push_back({.name = "snmp", .version = version("5.0")});
        base_.provides["libc"] = version("2.36");
        request_.base = &base_;
    }

    Candidate package(std::string_view name, const std::string& of, const Parts& parts = {}) {
        auto& manifest = manifests_.emplace_back();
        manifest.kind = parts.kind;
        manifest.name = name;
        manifest.version = version(of);
        manifest.compatible.base = range(parts.base);
        for (const auto& [key, text] : parts.needs) manifest.needs[key] = range(text);
        for (const auto& [key, text] : parts.conflicts) manifest.conflicts[key] = range(text);
        for (const auto& [key, text] : parts.provides) manifest.provides[key] = version(text);
        manifest.replaces = parts.replaces;
        return {.package = {.kind = parts.kind,
                            .name = manifest.name,
                            .version = manifest.version,
                            .digest = fmt::format("digest of {} {}", name, of)},
                .manifest = &manifest};
    }
    static Parts patch(std::vector<std::string> replaces = {}) {
        return {.kind = PackageKind::patch, .replaces = std::move(replaces)};
    }

    static std::vector<std::string> names(const std::vector<Candidate>& candidates) {
        std::vector<std::string> result;
        result.reserve(candidates.size());
        for (const auto& [package, manifest] : candidates)
            result.push_back(package.name + " " + package.version.text());
        return result;
    }
    static std::vector<std::string> names(const std::vector<PackageRef>& packages) {
        std::vector<std::string> result;
        result.reserve(packages.size());
        for (const auto& package : packages)
            result.push_back(package.name + " " + package.version.text());
        return result;
    }
    std::vector<std::string> answer() {
        const auto result = resolve(request_);
        EXPECT_TRUE(result) << result.error().text();
        return result ? names(result->packages) : std::vector<std::string>{};
    }
    std::string cause() {
        const auto result = resolve(request_);
        EXPECT_FALSE(result);
        if (result) return {};
        EXPECT_EQ(result.error().id, "plan.unresolvable");
        EXPECT_EQ(result.error().kind, Errc::refused);
        return result.error().cause;
    }

    Manifest base_;
    std::deque<Manifest> manifests_;
    ResolveRequest request_;
};

TEST_F(Resolver, AnswersNothingToNothing) { EXPECT_THAT(answer(), IsEmpty()); }

TEST_F(Resolver, BringsWhatIsRequiredTheNewestBelowWhatRequiresIt) {
    request_.wanted = {package("bgp", "8.5", {.needs = {{"routing", ">=2.0"}}})};
    request_.at_hand = {package("routing", "1.9"), package("routing", "2.0"),
                        package("routing", "2.1"), package("unrelated", "1.0")};
    const auto result = resolve(request_).value();
    EXPECT_THAT(names(result.packages), ElementsAre("routing 2.1", "bgp 8.5"));
    EXPECT_THAT(names(result.added), ElementsAre("routing 2.1", "bgp 8.5"));
    EXPECT_THAT(result.removed, IsEmpty());
    EXPECT_THAT(result.replaced, IsEmpty());
}

TEST_F(Resolver, TakesAnOlderOneWhereTheNewestDoesNotFit) {
    request_.wanted = {package("bgp", "8.5", {.needs = {{"routing", ""}}})};
    request_.at_hand = {package("routing", "3.0", {.base = ">=3.0"}),
                        package("routing", "2.2", {.needs = {{"missing", ""}}}),
                        package("routing", "2.1", {.conflicts = {{"bgp", "<9"}}}),
                        package("routing", "2.0")};
    EXPECT_THAT(answer(), ElementsAre("routing 2.0", "bgp 8.5"));
}

TEST_F(Resolver, BringsNothingForWhatTheBaseHas) {
    request_.wanted = {
        package("bgp", "8.5", {.needs = {{"nos", ">=2.0"}, {"snmp", ">=5"}, {"libc", ">=2.30"}}})};
    request_.at_hand = {package("snmp", "6.0"), package("libc", "2.40"), package("nos", "3.0")};
    EXPECT_THAT(answer(), ElementsAre("bgp 8.5"));
}

TEST_F(Resolver, APackageReplacesTheFeatureThatTheBaseIncludes) {
    request_.present = {package("monitor", "1.0", {.needs = {{"snmp", "<6"}}})};
    request_.wanted = {package("snmp", "6.0")};
    EXPECT_THAT(cause(), HasSubstr("monitor 1.0, which is present, requires snmp <6; the base nos "
                                   "2.1 includes snmp 5.0; wanted is snmp 6.0"));
    request_.wanted = {package("snmp", "5.5")};
    EXPECT_THAT(answer(), ElementsAre("snmp 5.5", "monitor 1.0"));
}

TEST_F(Resolver, AnIncludedFeatureIsBackWhenThePackageGoes) {
    request_.present = {package("snmp", "5.5"),
                        package("monitor", "1.0", {.needs = {{"snmp", ">=5.0"}}})};
    request_.unwanted = {"snmp"};
    EXPECT_THAT(answer(), ElementsAre("monitor 1.0"));
}

TEST_F(Resolver, APackageMayProvideItsOwnNameInAnotherVersion) {
    const auto compatible = package(
        "routing", "3.0", {.conflicts = {{"routing", "<3"}}, .provides = {{"routing", "2.0"}}});
    request_.wanted = {package("bgp", "8.5", {.needs = {{"routing", "=2.0"}}}),
                       package("ospf", "1.0", {.needs = {{"routing", "=3.0"}}})};
    request_.at_hand = {compatible};
    EXPECT_THAT(answer(), ElementsAre("routing 3.0", "bgp 8.5", "ospf 1.0"));
}

TEST_F(Resolver, APackageMayRequireAndConflictWithWhatItProvides) {
    request_.wanted = {package("frr", "9.1",
                               {.needs = {{"router", ""}},
                                .conflicts = {{"router", ""}},
                                .provides = {{"router", "1.0"}}})};
    EXPECT_THAT(answer(), ElementsAre("frr 9.1"));
    request_.present = {package("bird", "2.0", {.provides = {{"router", "1.0"}}})};
    EXPECT_EQ(cause(), "frr 9.1 conflicts with bird 2.0, which is present and provides router");
}

TEST_F(Resolver, UpgradesWhatIsPresentOnlyForWhatIsWanted) {
    const auto old = package("routing", "1.4");
    const auto ospf = package("ospf", "1.0", {.needs = {{"routing", ""}}});
    request_.present = {old, ospf};
    request_.at_hand = {package("routing", "1.6"), package("ospf", "1.1"), old, ospf};
    EXPECT_THAT(answer(), ElementsAre("routing 1.4", "ospf 1.0"));
    request_.wanted = {package("bgp", "8.5", {.needs = {{"routing", ""}}})};
    EXPECT_THAT(answer(), ElementsAre("routing 1.4", "ospf 1.0", "bgp 8.5"));
    request_.wanted = {package("bgp", "8.6", {.needs = {{"routing", ">=1.5"}}})};
    const auto result = resolve(request_).value();
    EXPECT_THAT(names(result.packages), ElementsAre("routing 1.6", "ospf 1.0", "bgp 8.6"));
    EXPECT_THAT(names(result.replaced), ElementsAre("routing 1.4"));
    EXPECT_THAT(names(result.added), ElementsAre("routing 1.6", "bgp 8.6"));
}

TEST_F(Resolver, NeverBringsAnOlderVersionOfWhatIsPresentUnlessItIsWanted) {
    request_.present = {package("routing", "2.0")};
    request_.at_hand = {package("routing", "1.4")};
    request_.wanted = {package("bgp", "8.5", {.needs = {{"routing", "<2"}}})};
    EXPECT_EQ(cause(),
              "bgp 8.5 requires routing <2; present is routing 2.0; at hand is routing 1.4");
    request_.wanted.push_back(request_.at_hand.front());
    EXPECT_THAT(answer(), ElementsAre("routing 1.4", "bgp 8.5"));
}

TEST_F(Resolver, SaysWhatIsRequiredAndWhatIsAtHand) {
    request_.wanted = {package("bgp", "8.5", {.needs = {{"routing", ">=2.0"}}})};
    request_.at_hand = {package("routing", "1.6"), package("routing", "1.4")};
    EXPECT_EQ(cause(), "bgp 8.5 requires routing >=2.0; at hand are routing 1.4, 1.6");
    request_.at_hand.clear();
    EXPECT_EQ(cause(), "bgp 8.5 requires routing >=2.0; none is at hand");
    request_.at_hand = {package("frr", "9.1", {.provides = {{"routing", "1.0"}}})};
    EXPECT_EQ(cause(), "bgp 8.5 requires routing >=2.0; at hand is frr 9.1 (as routing 1.0)");
}

TEST_F(Resolver, SaysWhatStandsInTheWayOfEachChoice) {
    request_.wanted = {package("bgp", "8.5", {.needs = {{"routing", ">=2.0"}}})};
    request_.at_hand = {package("routing", "2.1", {.base = ">=3.0"}),
                        package("routing", "2.0", {.needs = {{"core", ">=7"}}}),
                        package("core", "6.0")};
    EXPECT_EQ(cause(),
              "bgp 8.5 requires routing >=2.0; at hand are routing 2.0, 2.1\n"
              "routing 2.1 runs on bases >=3.0, the base is nos 2.1\n"
              "routing 2.0 requires core >=7; at hand is core 6.0");
}

TEST_F(Resolver, SaysWhichBasesAPackageRunsOn) {
    request_.wanted = {package("web", "1.0", {.base = ">=1.0 <2.0"})};
    EXPECT_EQ(cause(), "web 1.0 runs on bases >=1.0 <2.0, the base is nos 2.1");
}

TEST_F(Resolver, PointsToAVersionThatRunsOnTheNewBase) {
    request_.present = {package("acl", "2.0", {.base = "<2.0"})};
    request_.at_hand = {package("acl", "2.1", {.base = ">=2.0"}), package("acl", "1.0")};
    request_.drop_patches = true;
    EXPECT_EQ(cause(),
              "acl 2.0, which is present, runs on bases <2.0, the base is nos 2.1; at hand "
              "is acl 2.1, which runs on it: ask for it as well");
    request_.wanted = {request_.at_hand.front()};
    EXPECT_THAT(answer(), ElementsAre("acl 2.1"));
}

TEST_F(Resolver, SaysWhatConflictsWithWhat) {
    request_.present = {package("shaper", "2.0")};
    request_.wanted = {package("qos", "1.0", {.conflicts = {{"shaper", ""}}})};
    EXPECT_EQ(cause(), "qos 1.0 conflicts with shaper 2.0, which is present");
    request_.present.clear();
    request_.wanted.push_back(package("shaper", "2.0"));
    EXPECT_EQ(cause(), "qos 1.0 conflicts with shaper 2.0, which is wanted");
    request_.wanted = {package("qos", "1.0", {.conflicts = {{"nos", "<3"}}})};
    EXPECT_EQ(cause(), "qos 1.0 conflicts with nos <3; the base is nos 2.1");
    request_.wanted = {package("qos", "1.0", {.conflicts = {{"snmp", "<6"}}})};
    EXPECT_EQ(cause(), "qos 1.0 conflicts with snmp <6; the base nos 2.1 includes snmp 5.0");
}

TEST_F(Resolver, AConflictHoldsWhicheverOfTheTwoNamesIt) {
    request_.present = {package("shaper", "2.0", {.conflicts = {{"qos", ""}}})};
    request_.wanted = {package("qos", "1.0")};
    EXPECT_EQ(cause(), "shaper 2.0, which is present, conflicts with qos 1.0, which is wanted");
}

TEST_F(Resolver, SaysWhichTwoCannotBothHaveWhatTheyRequire) {
    request_.wanted = {package("bgp", "8.5", {.needs = {{"routing", ">=2.0"}}}),
                       package("rip", "1.0", {.needs = {{"routing", "<2.0"}}}),
                       package("bystander", "1.0", {.needs = {{"helper", ""}}})};
    request_.at_hand = {package("routing", "1.4"), package("routing", "2.0"),
                        package("helper", "1.0")};
    EXPECT_EQ(cause(),
              "bgp 8.5 requires routing >=2.0; at hand are routing 1.4, 2.0\n"
              "rip 1.0 requires routing <2.0; at hand are routing 1.4, 2.0");
}

TEST_F(Resolver, RefusesRequestsThatContradictThemselves) {
    request_.wanted = {package("web", "1.0"), package("web", "1.1")};
    EXPECT_EQ(cause(), "web 1.0 and web 1.1 are both wanted: there can be one version");
    request_.wanted.pop_back();
    request_.unwanted = {"web"};
    EXPECT_EQ(cause(), "web 1.0 is wanted, and web is to go");
    request_ = {.base = &base_, .wanted = {package("all", "1.0", {.kind = PackageKind::pack})}};
    EXPECT_EQ(cause(), "all 1.0 is a pack package, which does not lie on a base");
}

TEST_F(Resolver, TheSamePackageTwiceIsOne) {
    const auto web = package("web", "1.0");
    request_.wanted = {web, web};
    request_.at_hand = {web, web};
    EXPECT_THAT(answer(), ElementsAre("web 1.0"));
    request_.present = {web};
    const auto result = resolve(request_).value();
    EXPECT_THAT(names(result.packages), ElementsAre("web 1.0"));
    EXPECT_THAT(result.added, IsEmpty());
}

TEST_F(Resolver, BasesAndPacksAtHandAreNotTakenForWhatIsRequired) {
    request_.wanted = {package("web", "1.0", {.needs = {{"tools", ""}}})};
    request_.at_hand = {
        package("tools", "1.0", {.kind = PackageKind::pack}),
        package("other", "1.0", {.kind = PackageKind::base, .provides = {{"tools", "1.0"}}})};
    EXPECT_THAT(cause(), HasSubstr("web 1.0 requires tools"));
}

TEST_F(Resolver, RefusesToRemoveWhatOthersNeedAndListsThem) {
    request_.present = {
        package("routing", "1.4"), package("bgp", "8.5", {.needs = {{"routing", ">=1.0"}}}),
        package("bgp-view", "1.0", {.needs = {{"bgp", ""}}}), package("web", "1.0")};
    request_.at_hand = request_.present;
    request_.unwanted = {"routing"};
    const auto result = resolve(request_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().id, "plan.needed");
    EXPECT_EQ(result.error().kind, Errc::refused);
    EXPECT_EQ(result.error().message, "routing 1.4 is needed by bgp 8.5, bgp-view 1.0");
    EXPECT_EQ(result.error().cause, "bgp 8.5 requires routing >=1.0\nbgp-view 1.0 requires bgp");
    EXPECT_THAT(result.error().remedy, HasSubstr("--with-dependents"));

    request_.with_dependents = true;
    const auto without = resolve(request_).value();
    EXPECT_THAT(names(without.packages), ElementsAre("web 1.0"));
    EXPECT_THAT(names(without.removed), ElementsAre("routing 1.4", "bgp 8.5", "bgp-view 1.0"));
}

TEST_F(Resolver, WhatIsPresentOrWantedMayTakeTheRoleOfWhatGoes) {
    request_.present = {package("routing", "1.4"),
                        package("bgp", "8.5", {.needs = {{"routing", ""}}})};
    request_.unwanted = {"routing", "not-there"};
    request_.wanted = {package("frr", "9.1", {.provides = {{"routing", "2.0"}}})};
    EXPECT_THAT(answer(), ElementsAre("frr 9.1", "bgp 8.5"));
}

TEST_F(Resolver, NothingComesFromWhatIsAtHandToFillAGapThatAnUninstallationLeaves) {
    request_.present = {package("routing", "1.4"),
                        package("bgp", "8.5", {.needs = {{"routing", ""}}})};
    request_.at_hand = {package("frr", "9.1", {.provides = {{"routing", "2.0"}}})};
    request_.unwanted = {"routing"};
    EXPECT_EQ(resolve(request_).error().id, "plan.needed");
}

TEST_F(Resolver, WhatIsPresentGetsWhatANewBaseLacks) {
    request_.present = {package("bgp", "8.5", {.needs = {{"ssl", ""}}})};
    request_.at_hand = {package("ssl", "3.0")};
    EXPECT_THAT(answer(), ElementsAre("ssl 3.0", "bgp 8.5"));
}

TEST_F(Resolver, APatchReplacesThePatchesThatItNames) {
    request_.present = {package("fix-1", "1.0", patch()), package("fix-2", "1.0", patch()),
                        package("fix-3", "1.0")};
    request_.wanted = {package("fix-4", "1.0", patch({"fix-1", "fix-3"}))};
    EXPECT_THAT(answer(), ElementsAre("fix-3 1.0", "fix-2 1.0", "fix-4 1.0"))
        << "only patches are replaced";
    request_.wanted = {package("fix-5", "1.0", patch({"*"}))};
    const auto result = resolve(request_).value();
    EXPECT_THAT(names(result.packages), ElementsAre("fix-3 1.0", "fix-5 1.0"));
    EXPECT_THAT(names(result.removed), ElementsAre("fix-1 1.0", "fix-2 1.0"));
}

TEST_F(Resolver, WhatRequiresAReplacedPatchStopsTheReplacement) {
    request_.present = {package("fix-1", "1.0", patch()),
                        package("tool", "1.0", {.needs = {{"fix-1", ""}}})};
    request_.wanted = {package("fix-2", "1.0", patch({"*"}))};
    EXPECT_THAT(cause(), HasSubstr("tool 1.0, which is present, requires fix-1"));
}

TEST_F(Resolver, APatchFromAtHandReplacesNothing) {
    request_.present = {package("fix-1", "1.0", patch())};
    request_.wanted = {package("web", "1.0", {.needs = {{"fix-2", ""}}})};
    request_.at_hand = {package("fix-2", "1.0", patch({"fix-1"}))};
    EXPECT_THAT(cause(), HasSubstr("web 1.0 requires fix-2; at hand is fix-2 1.0"));
}

TEST_F(Resolver, PatchesThatDoNotFitANewBaseAreDroppedWithIt) {
    auto old = patch();
    old.base = "<2.0";
    auto carried = patch();
    carried.base = ">=1.0";
    request_.present = {package("fix-old", "1.0", old), package("fix-carried", "1.0", carried),
                        package("fix-included", "1.0", patch()),
                        package("fix-newer", "1.1", patch())};
    base_.includes.push_back(
        {.kind = PackageKind::patch, .name = "fix-included", .version = version("1.0")});
    base_.includes.push_back(
        {.kind = PackageKind::patch, .name = "fix-newer", .version = version("1.0")});
    EXPECT_THAT(cause(), AllOf(HasSubstr("fix-old 1.0, which is present, runs on bases <2.0"),
                               Not(HasSubstr("carried"))));
    request_.drop_patches = true;
    const auto result = resolve(request_).value();
    EXPECT_THAT(names(result.packages), ElementsAre("fix-carried 1.0", "fix-newer 1.1"));
    EXPECT_THAT(names(result.removed), ElementsAre("fix-old 1.0", "fix-included 1.0"));
}

TEST_F(Resolver, PackagesLieByKindThenBelowWhatRequiresThemThenAsTheyLay) {
    const auto of = [](PackageKind kind, Ranges needs = {}) {
        return Parts{.kind = kind, .needs = needs};
    };
    using enum PackageKind;
    request_.present = {package("patch-b", "1.0", of(patch, {{"patch-a", ""}})),
                        package("module-a", "1.0", of(module)),
                        package("feature-b", "1.0", of(feature, {{"module-a", ""}})),
                        package("feature-a", "1.0", of(feature, {{"feature-c", ""}})),
                        package("patch-a", "1.0", of(patch))};
    request_.wanted = {package("feature-d", "1.0", of(feature)),
                       package("card", "1.0", of(hardware)),
                       package("feature-c", "1.0", of(feature))};
    EXPECT_THAT(answer(),
                ElementsAre("card 1.0", "feature-b 1.0", "feature-c 1.0", "feature-a 1.0",
                            "feature-d 1.0", "module-a 1.0", "patch-a 1.0", "patch-b 1.0"));
}

TEST_F(Resolver, PackagesThatRequireEachOtherLieTogetherAsTheyLay) {
    request_.present = {package("a", "1.0", {.needs = {{"b", ""}}}), package("c", "1.0"),
                        package("b", "1.0", {.needs = {{"a", ""}, {"d", ""}}}),
                        package("d", "1.0")};
    EXPECT_THAT(answer(), ElementsAre("d 1.0", "a 1.0", "b 1.0", "c 1.0"));
}

TEST_F(Resolver, ANewVersionTakesThePlaceOfTheOldOne) {
    request_.present = {package("a", "1.0"), package("b", "1.0"), package("c", "1.0")};
    request_.wanted = {package("b", "2.0")};
    EXPECT_THAT(answer(), ElementsAre("a 1.0", "b 2.0", "c 1.0"));
}

TEST_F(Resolver, TheOrderOfWhatIsAtHandDecidesNothing) {
    request_.wanted = {package("top", "1.0", {.needs = {{"role", ""}}})};
    request_.at_hand = {package("zeta", "1.0", {.provides = {{"role", "9"}}}),
                        package("alpha", "1.0", {.provides = {{"role", "1"}}}),
                        package("alpha", "2.0", {.provides = {{"role", "1"}}})};
    const auto first = answer();
    EXPECT_THAT(first, ElementsAre("alpha 2.0", "top 1.0"));
    std::ranges::reverse(request_.at_hand);
    EXPECT_EQ(answer(), first);
}

}  // namespace
}  // namespace cutover
