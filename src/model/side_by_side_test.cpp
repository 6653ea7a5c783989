#include "model/side_by_side.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/config_files.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/package_spec.h"
#include "model/planner.h"
#include "model/planner_fixture.h"

namespace cutover {
namespace {

using enum OperationKind;
using Names = std::vector<std::string>;

OfferedPackage router(const std::string& of, bool side_by_side = true) {
    auto made = package(PackageKind::feature, "router", of);
    made.manifest.side_by_side = side_by_side;
    return made;
}

class SideBySide : public OnTop {
protected:
    Names packages(const Result<Plan>& planned) {
        return planned ? names(planned->target.packages) : Names{planned.error().text()};
    }
};

TEST_F(SideBySide, AnotherMajorVersionComesBesideTheFirst) {
    put(router("1.4"));
    const auto planned = plan_with(install, router("2.0"));
    EXPECT_EQ(packages(planned), (Names{"web-1.0", "router-1.4", "router-2.0"}));
    EXPECT_EQ(planned->title, "install feature router 2.0");
}

TEST_F(SideBySide, ANewerVersionOfTheSameMajorTakesItsPlace) {
    put(router("1.4"));
    put(router("2.0"));
    const auto planned = plan_with(upgrade, router("1.5"));
    EXPECT_EQ(packages(planned), (Names{"web-1.0", "router-1.5", "router-2.0"}));
    EXPECT_EQ(planned->title, "upgrade feature router 1.4 -> 1.5");
    EXPECT_EQ(plan_with(install, router("1.5")).error().id, "plan.other_version");
}

TEST_F(SideBySide, WhatDoesNotSayThatItMayIsNotThereTwice) {
    put(router("1.4", false));
    EXPECT_EQ(plan_with(install, router("2.0")).error().id, "plan.other_version");
    EXPECT_EQ(packages(plan_with(upgrade, router("2.0"))), (Names{"web-1.0", "router-2.0"}));
    input.generations.back().packages.clear();
    put(router("1.4"));
    EXPECT_EQ(plan_with(install, router("2.0", false)).error().id, "plan.other_version");
}

TEST_F(SideBySide, OneOfTwoIsUninstalledByItsMajorVersion) {
    put(router("1.4"));
    put(router("2.0"));
    const auto which = plan(uninstall, {"router"});
    ASSERT_FALSE(which);
    EXPECT_EQ(which.error().id, "plan.two_lines");
    EXPECT_EQ(which.error().message, "router is there as router@1 and as router@2");
    EXPECT_EQ(which.error().remedy, "Name one of them: router@1 or router@2.");
    EXPECT_EQ(packages(plan(uninstall, {"router@1"})), (Names{"web-1.0", "router-2.0"}));
    EXPECT_EQ(packages(plan(uninstall, {"router@2.0"})), (Names{"web-1.0", "router-1.4"}));
    EXPECT_EQ(plan(uninstall, {"router@3"}).error().id, "plan.not_present");
}

TEST_F(SideBySide, EitherMajorVersionIsWhatOthersRequire) {
    auto above = package(PackageKind::feature, "above", "1.0");
    above.manifest.needs["router"] = VersionRange::parse(">=1").value();
    put(router("1.4"));
    put(router("2.0"));
    put(above);
    EXPECT_EQ(packages(plan(uninstall, {"router@1"})),
              (Names{"web-1.0", "router-2.0", "above-1.0"}));
    const auto both = plan(uninstall, {"router@1", "router@2"});
    EXPECT_EQ(both.error().id, "plan.needed");
}

TEST_F(SideBySide, AServiceThatBothBringIsWarnedOf) {
    auto one = router("1.4");
    one.manifest.services = {{.name = "routerd", .command = {"bin/routerd"}}};
    auto two = router("2.0");
    two.manifest.services = one.manifest.services;
    put(one);
    const auto planned = plan_with(install, two);
    ASSERT_TRUE(planned) << planned.error().text();
    EXPECT_EQ(
        planned->warnings,
        (Names{"router 2.0 and router 1.4 both bring the service routerd: one of them runs"}));
}

TEST_F(SideBySide, AReloadTakesAwayTheMajorVersionThatWasMarked) {
    put(router("1.4"));
    put(router("2.0"));
    const auto marked = plan(deselect, {"router@1"});
    ASSERT_TRUE(marked) << marked.error().text();
    EXPECT_EQ(marked->depot->deselected, (Names{"router@1"}));
    input.depot = *marked->depot;
    EXPECT_EQ(packages(plan(reload)), (Names{"web-1.0", "router-2.0"}));
}

TEST(SideBySideManifest, IsReadFromPackageTomlAndWrittenOnlyWhereItIsSaid) {
    const auto spec = parse_package_spec(R"(
[package]
kind = "feature"
name = "router"
version = "1.4"
side-by-side = true

[instances]
path = "/dev:devices/device"
bound-by = "driver"
)");
    ASSERT_TRUE(spec) << spec.error().text();
    auto manifest = spec->manifest;
    manifest.created = "2026-01-01T00:00:00Z";
    ASSERT_TRUE(validate(manifest)) << validate(manifest).error().text();
    EXPECT_EQ(line_of(manifest), "router@1");
    EXPECT_EQ(manifest.instances.path, "/dev:devices/device");
    const auto back = parse_manifest(to_json(manifest));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*back, manifest);
    manifest.side_by_side = false;
    EXPECT_FALSE(validate(manifest)) << "instances without side-by-side";
    manifest.instances = {};
    EXPECT_EQ(to_json(manifest).find("side_by_side"), std::string::npos);
    EXPECT_EQ(to_json(manifest).find("instances"), std::string::npos);
}

TEST(SideBySideManifest, IsForFeaturesAndNamesAListInFull) {
    Manifest manifest{.kind = PackageKind::feature, .name = "router"};
    manifest.created = "2026-01-01T00:00:00Z";
    manifest.side_by_side = true;
    manifest.instances = {.path = "/dev:devices/device", .bound_by = "driver"};
    EXPECT_TRUE(validate(manifest));
    for (const auto* const path : {"dev:devices", "/devices/device", "/dev:devices/", "/",
                                   "/dev:", "/dev:devices/device[name='r1']"}) {
        manifest.instances.path = path;
        EXPECT_FALSE(validate(manifest)) << path;
    }
    manifest.instances = {};
    manifest.kind = PackageKind::patch;
    EXPECT_FALSE(validate(manifest));
}

TEST(SideBySideFiles, TellWhatIsBoundToEachAndWhichModulesAreItsAlone) {
    Manifest base;
    base.config_modules = {"hooks/yang/dev.yang"};
    Manifest one{.kind = PackageKind::feature, .name = "router"};
    one.version = version("1.4");
    one.side_by_side = true;
    one.instances = {.path = "/dev:devices/device", .bound_by = "driver"};
    one.config_modules = {"hooks/yang/router-1@2025-01-01.yang", "hooks/yang/types.yang"};
    auto two = one;
    two.version = version("2.0");
    two.instances.value = "r2:two";
    two.config_modules = {"hooks/yang/router-2.yang", "hooks/yang/types.yang"};
    two.config_migrations = "hooks/migrations";
    for (const auto* const name :
         {"instances/router@1-to-router@2.json", "router-2/2025-01-01-to-2026-01-01.json"})
        two.members.push_back({.name = "hooks/migrations/" + std::string(name)});
    const auto files = config_files_of({&base, &one, nullptr, &two});
    ASSERT_EQ(files.sides.size(), 2U);
    EXPECT_EQ(files.sides[0].line, "router@1");
    EXPECT_EQ(files.sides[0].instances.value, "router@1");
    EXPECT_EQ(files.sides[0].modules, Names{"router-1"});
    EXPECT_EQ(files.sides[1].instances.value, "r2:two");
    EXPECT_EQ(files.sides[1].modules, Names{"router-2"});
    ASSERT_EQ(files.moves.size(), 1U);
    EXPECT_EQ(files.moves[0].name, "router@1-to-router@2.json");
    ASSERT_EQ(files.migrations.size(), 1U);
    EXPECT_EQ(files.migrations[0].name, "router-2/2025-01-01-to-2026-01-01.json");
}

}  // namespace
}  // namespace cutover
