#include "model/service_change.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/version.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A package whose digest is its label, so that another version is another digest.
struct Made : StackedPackage {
    Made(std::string_view name, const std::string& version,
         PackageKind kind = PackageKind::feature) {
        manifest.kind = kind;
        manifest.name = name;
        manifest.version = Version::parse(version).value();
        digest = fmt::format("{} {}", name, version);
    }
    Made brings(const std::string& service, OnChange on_change = OnChange::restart) && {
        manifest.services.push_back({.name = service,
                                     .command = {"bin/" + service},
                                     .listen = {"tcp:80"},
                                     .on_change = on_change});
        if (on_change == OnChange::hook) manifest.services.back().hook = {"load", digest};
        return std::move(*this);
    }
    Made touches(const std::string& service, OnChange on_change) && {
        manifest.touches.push_back({.name = service, .on_change = on_change});
        if (on_change == OnChange::hook) {
            manifest.touches.back().hook = {"hook", digest};
            manifest.touches.back().unhook = {"unhook", digest};
        }
        return std::move(*this);
    }
    template <typename Change>
    Made with(Change change) && {
        change(manifest.services.back());
        return std::move(*this);
    }
};

Made nos() { return Made("nos", "2.1", PackageKind::base).brings("web").brings("log"); }
Made fix(const std::string& version, OnChange on_change) {
    return Made("fix", version, PackageKind::patch).touches("web", on_change);
}

// "restart web (fix 1.0)", "unhook web: unhook fix 1.0 (fix 1.0)"
std::vector<std::string> actions(const PackageStack& from, const PackageStack& to) {
    std::vector<std::string> lines;
    for (const auto& action : service_actions(from, to)) {
        auto line = fmt::format("{} {}", to_string(action.kind), action.service.spec.name);
        if (!action.command.empty())
            line += fmt::format(": {} {}", action.command.at(0), action.command.at(1));
        lines.push_back(line + fmt::format(" ({})", action.because));
    }
    return lines;
}

std::vector<std::string> owners(const PackageStack& stack) {
    std::vector<std::string> lines;
    for (const auto& service : services_of(stack))
        lines.push_back(fmt::format("{} of {}", service.spec.name, service.owner));
    return lines;
}

TEST(ServicesOf, StartFromTheBaseUpwardsInTheOrderOfTheManifests) {
    EXPECT_THAT(services_of({}), IsEmpty());
    EXPECT_THAT(
        owners({nos(), Made("bgp", "1.0").brings("bgpd").brings("bfdd")}),
        ElementsAre("web of nos 2.1", "log of nos 2.1", "bgpd of bgp 1.0", "bfdd of bgp 1.0"));
}

TEST(ServicesOf, APackagesServiceTakesThePlaceOfOneBelowIt) {
    const PackageStack stack{nos(), Made("web", "3.0").brings("extra").brings("web"),
                             Made("late", "1.0").brings("web", OnChange::none)};
    EXPECT_THAT(owners(stack),
                ElementsAre("web of late 1.0", "log of nos 2.1", "extra of web 3.0"));
    EXPECT_EQ(services_of(stack).front().spec.on_change, OnChange::none);
}

TEST(ServicesOf, RunTheHooksOfWhatTouchesThemAfterEachStartInStackOrder) {
    const auto services = services_of(
        {Made("early", "1.0").touches("web", OnChange::hook), nos(), fix("1.0", OnChange::hook),
         Made("other", "1.0").touches("web", OnChange::restart).touches("ghost", OnChange::hook)});
    ASSERT_EQ(services.size(), 2U);
    EXPECT_THAT(services.front().after_start,
                ElementsAre(ElementsAre("hook", "early 1.0"), ElementsAre("hook", "fix 1.0")));
    EXPECT_THAT(services.back().after_start, IsEmpty());
}

TEST(ServiceActions, NothingIsDoneWhenNothingChanges) {
    const PackageStack stack{nos(), Made("bgp", "1.0").brings("bgpd", OnChange::hook),
                             fix("1.0", OnChange::hook)};
    EXPECT_THAT(actions(stack, stack), IsEmpty());
    EXPECT_THAT(actions({}, {}), IsEmpty());
}

TEST(ServiceActions, AnotherOrderOfTheSamePackagesChangesNothing) {
    const auto bgp = Made("bgp", "1.0").brings("bgpd").touches("web", OnChange::restart);
    const auto acl = Made("acl", "1.0").brings("acld").touches("web", OnChange::hook);
    EXPECT_THAT(actions({nos(), bgp, acl, fix("1.0", OnChange::hook)},
                        {fix("1.0", OnChange::hook), acl, bgp, nos()}),
                IsEmpty());
}

TEST(ServiceActions, AnUpgradedPackagesServiceTakesItAsItsNewVersionSays) {
    const auto upgrade = [](OnChange on_change) {
        return actions({nos(), Made("bgp", "1.0").brings("bgpd", OnChange::restart)},
                       {nos(), Made("bgp", "1.1").brings("bgpd", on_change)});
    };
    EXPECT_THAT(upgrade(OnChange::none), IsEmpty());
    EXPECT_THAT(upgrade(OnChange::reload), ElementsAre("reload bgpd (bgp 1.1)"));
    EXPECT_THAT(upgrade(OnChange::restart), ElementsAre("restart bgpd (bgp 1.1)"));
    EXPECT_THAT(upgrade(OnChange::restart_with_sockets),
                ElementsAre("restart-with-sockets bgpd (bgp 1.1)"));
    EXPECT_THAT(upgrade(OnChange::hook), ElementsAre("hook bgpd: load bgp 1.1 (bgp 1.1)"));
}

TEST(ServiceActions, WhatAProcessCannotTakeRestartsItWhateverThePackageSays) {
    const auto upgrade = [](OnChange on_change, auto change) {
        return actions({Made("bgp", "1.0").brings("bgpd")},
                       {Made("bgp", "1.1").brings("bgpd", on_change).with(change)});
    };
    const auto command = [](ServiceSpec& spec) { spec.command.emplace_back("-v"); };
    const auto environment = [](ServiceSpec& spec) { spec.environment["A"] = "b"; };
    const auto ready = [](ServiceSpec& spec) { spec.ready = ReadyWhen::notified; };
    const auto listen = [](ServiceSpec& spec) { spec.listen = {"tcp:81"}; };
    for (const auto on_change :
         {OnChange::none, OnChange::reload, OnChange::hook, OnChange::restart}) {
        EXPECT_THAT(upgrade(on_change, command), ElementsAre("restart bgpd (bgp 1.1)"));
        EXPECT_THAT(upgrade(on_change, environment), ElementsAre("restart bgpd (bgp 1.1)"));
        EXPECT_THAT(upgrade(on_change, ready), ElementsAre("restart bgpd (bgp 1.1)"));
        EXPECT_THAT(upgrade(on_change, listen), ElementsAre("restart bgpd (bgp 1.1)"));
    }
    const auto sockets = OnChange::restart_with_sockets;
    EXPECT_THAT(upgrade(sockets, command), ElementsAre("restart-with-sockets bgpd (bgp 1.1)"));
    EXPECT_THAT(upgrade(sockets, environment), ElementsAre("restart-with-sockets bgpd (bgp 1.1)"));
    EXPECT_THAT(upgrade(sockets, ready), ElementsAre("restart-with-sockets bgpd (bgp 1.1)"));
    EXPECT_THAT(upgrade(sockets, listen), ElementsAre("restart bgpd (bgp 1.1)"))
        << "sockets that are others cannot be kept";
    const auto timeout = [](ServiceSpec& spec) { spec.start_timeout *= 2; };
    EXPECT_THAT(upgrade(OnChange::none, timeout), IsEmpty());
}

TEST(ServiceActions, AFeatureTakesABasesServiceOverAndGivesItBack) {
    const auto both_ways = [](OnChange on_change) {
        const PackageStack without{nos()};
        const PackageStack with{nos(), Made("web", "3.0").brings("web", on_change)};
        return std::pair(actions(without, with), actions(with, without));
    };
    const auto [comes, goes] = both_ways(OnChange::restart_with_sockets);
    EXPECT_THAT(comes, ElementsAre("restart-with-sockets web (web 3.0)"));
    EXPECT_THAT(goes, ElementsAre("restart-with-sockets web (web 3.0)"));
    const auto [hooked, unhooked] = both_ways(OnChange::hook);
    EXPECT_THAT(hooked, ElementsAre("hook web: load web 3.0 (web 3.0)"));
    EXPECT_THAT(unhooked, ElementsAre("restart web (web 3.0)")) << "nothing takes it out again";
    EXPECT_THAT(both_ways(OnChange::none).second, IsEmpty());
}

TEST(ServiceActions, AServiceGivenBackIsTheBasesAgain) {
    const auto given = service_actions({nos(), Made("web", "3.0").brings("web")}, {nos()});
    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given.front().service.owner, "nos 2.1");
}

TEST(ServiceActions, AnUpgradeThatStopsReplacingAServiceGivesItBack) {
    EXPECT_THAT(actions({nos(), Made("web", "3.0").brings("web", OnChange::reload)},
                        {nos(), Made("web", "3.1").brings("extra")}),
                ElementsAre("reload web (web 3.1)", "start extra (web 3.1)"));
}

TEST(ServiceActions, WhatIsBeneathAReplacedServiceMayChangeWithoutIt) {
    EXPECT_THAT(actions({Made("below", "1.0").brings("web"), Made("web", "3.0").brings("web")},
                        {Made("below", "1.1").brings("web"), Made("web", "3.0").brings("web")}),
                IsEmpty());
}

TEST(ServiceActions, AnotherOwnerOnTopDecidesHowItTakesOver) {
    const auto one = Made("one", "1.0").brings("web", OnChange::restart);
    const auto two = Made("two", "1.0").brings("web", OnChange::reload);
    EXPECT_THAT(actions({one, two}, {two, one}), ElementsAre("restart web (one 1.0)"));
    EXPECT_THAT(actions({two, one}, {one, two}), ElementsAre("reload web (two 1.0)"));
    EXPECT_THAT(actions({one}, {two}), ElementsAre("reload web (two 1.0)")) << "both changed";
}

TEST(ServiceActions, APatchThatComesIsTakenAsItSays) {
    const auto comes = [](OnChange on_change) {
        return actions({nos()}, {nos(), fix("1.0", on_change)});
    };
    EXPECT_THAT(comes(OnChange::none), IsEmpty());
    EXPECT_THAT(comes(OnChange::reload), ElementsAre("reload web (fix 1.0)"));
    EXPECT_THAT(comes(OnChange::restart), ElementsAre("restart web (fix 1.0)"));
    EXPECT_THAT(comes(OnChange::restart_with_sockets),
                ElementsAre("restart-with-sockets web (fix 1.0)"));
    EXPECT_THAT(comes(OnChange::hook), ElementsAre("hook web: hook fix 1.0 (fix 1.0)"));
}

TEST(ServiceActions, APatchThatGoesIsTakenAsItSaid) {
    const auto goes = [](OnChange on_change) {
        return actions({nos(), fix("1.0", on_change)}, {nos()});
    };
    EXPECT_THAT(goes(OnChange::none), IsEmpty());
    EXPECT_THAT(goes(OnChange::reload), ElementsAre("reload web (fix 1.0)"));
    EXPECT_THAT(goes(OnChange::restart), ElementsAre("restart web (fix 1.0)"));
    EXPECT_THAT(goes(OnChange::restart_with_sockets),
                ElementsAre("restart-with-sockets web (fix 1.0)"));
    EXPECT_THAT(goes(OnChange::hook), ElementsAre("unhook web: unhook fix 1.0 (fix 1.0)"));
}

TEST(ServiceActions, APatchThatChangesAsksForWhatTheOldOneOrTheNewOneNeeds) {
    using enum OnChange;
    const auto changes = [](OnChange old, OnChange now) {
        return actions({nos(), fix("1.0", old)}, {nos(), fix("1.1", now)});
    };
    EXPECT_THAT(changes(hook, hook), ElementsAre("unhook web: unhook fix 1.0 (fix 1.1)",
                                                 "hook web: hook fix 1.1 (fix 1.1)"));
    EXPECT_THAT(changes(hook, none), ElementsAre("unhook web: unhook fix 1.0 (fix 1.1)"));
    EXPECT_THAT(changes(none, hook), ElementsAre("hook web: hook fix 1.1 (fix 1.1)"));
    EXPECT_THAT(changes(hook, reload),
                ElementsAre("unhook web: unhook fix 1.0 (fix 1.1)", "reload web (fix 1.1)"));
    EXPECT_THAT(changes(reload, hook),
                ElementsAre("reload web (fix 1.1)", "hook web: hook fix 1.1 (fix 1.1)"));
    EXPECT_THAT(changes(hook, restart), ElementsAre("restart web (fix 1.1)"));
    EXPECT_THAT(changes(restart, hook), ElementsAre("restart web (fix 1.1)"));
    EXPECT_THAT(changes(restart, none), ElementsAre("restart web (fix 1.1)"));
    EXPECT_THAT(changes(restart, restart_with_sockets),
                ElementsAre("restart-with-sockets web (fix 1.1)"));
    EXPECT_THAT(changes(restart_with_sockets, restart), ElementsAre("restart web (fix 1.1)"));
    EXPECT_THAT(changes(none, none), IsEmpty());
}

TEST(ServiceActions, APatchThatNoLongerTouchesAServiceLeavesIt) {
    EXPECT_THAT(actions({nos(), fix("1.0", OnChange::hook)},
                        {nos(), Made("fix", "1.1", PackageKind::patch)}),
                ElementsAre("unhook web: unhook fix 1.0 (fix 1.1)"));
}

TEST(ServiceActions, ATouchOfAServiceThatIsNotThereIsIgnored) {
    EXPECT_THAT(actions({nos()}, {nos(), Made("fix", "1.0").touches("ghost", OnChange::restart)}),
                IsEmpty());
}

TEST(ServiceActions, TheStrongestWayCounts) {
    using enum OnChange;
    const auto upgrade_with_patch = [](OnChange owner, OnChange touch) {
        return actions({Made("web", "1.0").brings("web")},
                       {Made("web", "1.1").brings("web", owner), fix("1.0", touch)});
    };
    EXPECT_THAT(upgrade_with_patch(reload, restart), ElementsAre("restart web (fix 1.0)"));
    EXPECT_THAT(upgrade_with_patch(restart_with_sockets, restart),
                ElementsAre("restart web (fix 1.0)"));
    EXPECT_THAT(upgrade_with_patch(restart_with_sockets, reload),
                ElementsAre("restart-with-sockets web (web 1.1)"));
    EXPECT_THAT(upgrade_with_patch(reload, reload), ElementsAre("reload web (web 1.1)"));
    EXPECT_THAT(upgrade_with_patch(restart, hook), ElementsAre("restart web (web 1.1)"));
    EXPECT_THAT(upgrade_with_patch(reload, hook),
                ElementsAre("reload web (web 1.1)", "hook web: hook fix 1.0 (fix 1.0)"))
        << "a process that runs on has not loaded the patch";
    EXPECT_THAT(upgrade_with_patch(hook, hook), ElementsAre("hook web: load web 1.1 (web 1.1)",
                                                            "hook web: hook fix 1.0 (fix 1.0)"));
}

TEST(ServiceActions, HooksGoFromTheTopAndComeFromTheBottom) {
    const auto touching = [](std::string_view name) {
        return Made(name, "1.0").touches("web", OnChange::hook);
    };
    EXPECT_THAT(
        actions({nos(), touching("a"), touching("b")}, {nos(), touching("c"), touching("d")}),
        ElementsAre("unhook web: unhook b 1.0 (b 1.0)", "unhook web: unhook a 1.0 (a 1.0)",
                    "hook web: hook c 1.0 (c 1.0)", "hook web: hook d 1.0 (d 1.0)"));
}

TEST(ServiceActions, ARestartCarriesWhatRunsAfterTheStart) {
    const auto result =
        service_actions({Made("web", "1.0").brings("web"), fix("1.0", OnChange::hook)},
                        {Made("web", "1.1").brings("web"), fix("1.0", OnChange::hook)});
    ASSERT_EQ(result.size(), 1U);
    EXPECT_EQ(result.front().kind, ServiceActionKind::restart);
    EXPECT_THAT(result.front().service.after_start, ElementsAre(ElementsAre("hook", "fix 1.0")));
    EXPECT_THAT(result.front().command, IsEmpty());
}

TEST(ServiceActions, OldServicesStopFirstTheLastStartedOneFirstAndNewOnesStartLast) {
    EXPECT_THAT(actions({nos(), Made("old", "1.0").brings("db").brings("ui"),
                         Made("bgp", "1.0").brings("bgpd")},
                        {nos(), Made("new", "1.0").brings("agent").brings("probe"),
                         Made("bgp", "1.1").brings("bgpd")}),
                ElementsAre("stop ui (old 1.0)", "stop db (old 1.0)", "restart bgpd (bgp 1.1)",
                            "start agent (new 1.0)", "start probe (new 1.0)"));
}

TEST(ServiceActions, AStopNamesTheVersionThatNoLongerHasTheService) {
    const auto result =
        service_actions({Made("bgp", "1.0").brings("bgpd"), fix("1.0", OnChange::hook)},
                        {Made("bgp", "1.1"), fix("1.1", OnChange::hook)});
    ASSERT_EQ(result.size(), 1U);
    EXPECT_EQ(result.front().because, "bgp 1.1");
    EXPECT_EQ(result.front().service.owner, "bgp 1.0") << "as it was";
}

TEST(ServiceActions, AServiceThatMovesToAnotherPackageRunsOnAsThatOneSays) {
    EXPECT_THAT(actions({Made("all", "1.0").brings("web").brings("log")},
                        {Made("all", "1.1").brings("log", OnChange::none),
                         Made("web", "1.0").brings("web", OnChange::reload)}),
                ElementsAre("reload web (web 1.0)"));
}

TEST(ServiceActions, HaveNames) {
    EXPECT_EQ(to_string(ServiceActionKind::start), "start");
    EXPECT_EQ(to_string(ServiceActionKind::restart_with_sockets), "restart-with-sockets");
    EXPECT_EQ(to_string(ServiceActionKind::hook), "hook");
}

Made card(const std::string& id) {
    auto made = Made("card", "1.0", PackageKind::hardware).brings("cardd");
    made.manifest.supports = {id};
    return made;
}
Made made_for(const std::string& name, const std::string& id) {
    auto made = Made(name, "1.0").brings(name);
    made.manifest.compatible.hardware = {id};
    return made;
}

TEST(Awake, APackageWaitsForTheHardwareThatItSupportsOrIsMadeFor) {
    const PackageStack stack{nos(), card("card-10g"), made_for("driver", "card-10g"),
                             made_for("other", "box")};
    EXPECT_THAT(owners(awake(stack, {"box"})),
                ElementsAre("web of nos 2.1", "log of nos 2.1", "other of other 1.0"));
    EXPECT_THAT(waits_for(stack.at(1), stack, {"box"}), ElementsAre("card-10g"));
    EXPECT_THAT(waits_for(stack.at(2), stack, {"box"}), ElementsAre("card-10g"));
    EXPECT_EQ(awake(stack, {"box", "card-10g"}), stack);
}

TEST(Awake, OneOfSeveralIdsIsEnough) {
    auto both = card("card-10g");
    both.manifest.supports.emplace_back("card-40g");
    EXPECT_THAT(waits_for(both, {both}, {"box", "card-40g"}), IsEmpty());
    EXPECT_THAT(waits_for(both, {both}, {"box"}), ElementsAre("card-10g", "card-40g"));
}

TEST(Awake, ABaseAndWhatWasForcedOntoOtherHardwareDoNotWait) {
    auto base = nos();
    base.manifest.compatible.hardware = {"other-box"};
    const PackageStack stack{base, made_for("forced", "other-box"), card("card-10g")};
    EXPECT_THAT(owners(awake(stack, {"box"})),
                ElementsAre("web of nos 2.1", "log of nos 2.1", "forced of forced 1.0"));
}

TEST(Awake, HardwareThatComesChangesWhatItsPackageTouches) {
    auto driver = made_for("driver", "card-10g");
    driver.manifest.touches = {{.name = "web", .on_change = OnChange::reload}};
    const PackageStack stack{nos(), card("card-10g"), driver};
    const auto absent = awake(stack, {"box"});
    const auto there = awake(stack, {"box", "card-10g"});
    EXPECT_THAT(actions(absent, there),
                ElementsAre("reload web (driver 1.0)", "start cardd (card 1.0)",
                            "start driver (driver 1.0)"));
    EXPECT_THAT(actions(there, absent),
                ElementsAre("stop driver (driver 1.0)", "stop cardd (card 1.0)",
                            "reload web (driver 1.0)"));
}

}  // namespace
}  // namespace cutover
