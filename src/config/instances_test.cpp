#include "config/instances.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "config/config_store.h"
#include "config/errors.h"
#include "crypto/digest.h"
#include "model/config_files.h"
#include "model/configuration.h"
#include "platform/config_data.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using State = MigratedInstance::State;

constexpr std::string_view kDev = R"(module dev {
  yang-version 1.1; namespace "urn:dev"; prefix d; revision 2025-01-01;
  container devices {
    list device {
      key name; ordered-by user;
      leaf name { type string; }
      leaf driver { type string; mandatory true; }
      leaf address { type string; }
    }
  }
})";
constexpr std::string_view kOne = R"(module router-1 {
  yang-version 1.1; namespace "urn:router-1"; prefix r1;
  import dev { prefix d; }
  revision 2025-01-01;
  augment "/d:devices/d:device" {
    when "d:driver = 'router@1'";
    container bgp { leaf as { type uint32; } leaf neighbor { type string; } }
    leaf banner { type string; }
  }
})";
constexpr std::string_view kTwo = R"(module router-2 {
  yang-version 1.1; namespace "urn:router-2"; prefix r2;
  import dev { prefix d; }
  revision 2026-01-01;
  augment "/d:devices/d:device" {
    when "d:driver = 'router@2'";
    container routing {
      leaf as-number { type uint32 { range "1..65000"; } must ". != 13"; }
      leaf peer { type string; }
    }
  }
})";
constexpr std::string_view kMove = R"({"from": "router@1", "to": "router@2", "steps": [
  {"move": "/dev:devices/device/router-1:bgp/as", "to":
   "/dev:devices/device/router-2:routing/as-number"},
  {"move": "/dev:devices/device/router-1:bgp/neighbor", "to":
   "/dev:devices/device/router-2:routing/peer"}]})";

std::string digest_of(std::string_view text) { return to_hex(sha256(text)); }
std::string device(const std::string& name) { return "/dev:devices/device[name='" + name + "']"; }

struct InstancesTest : testing::Test {
    void SetUp() override {
        open();
        for (const auto& text : {kDev, kOne, kTwo, kMove})
            ASSERT_TRUE(store->keep({{.digest = digest_of(text), .text = std::string(text)}}));
        const auto used = store->use(files, "boot 1");
        ASSERT_TRUE(used) << used.error().text();
        load(R"({"dev:devices": {"device": [
          {"name": "r1", "driver": "router@1", "address": "192.0.2.1",
           "router-1:bgp": {"as": 65001, "neighbor": "192.0.2.9"}},
          {"name": "r2", "driver": "router@1", "router-1:bgp": {"as": 64999}},
          {"name": "x", "driver": "other"},
          {"name": "r3", "driver": "router@1", "router-1:bgp": {"as": 64998}}]}})");
    }
    void open() {
        store.reset();
        auto opened = ConfigStore::open({.database = folder.path() / "device.db",
                                         .rendered = folder.path() / "data" / "running.json",
                                         .scripts = folder.path(),
                                         .clock = clock,
                                         .log = *log});
        ASSERT_TRUE(opened) << opened.error().text();
        store = std::move(*opened);
    }
    void load(const std::string& text) {
        ASSERT_TRUE(
            store->edit("t", {{.kind = ConfigEdit::Kind::replace, .path = {}, .value = text}}));
        const auto done = store->commit({.session = "t", .by = "t", .comment = ""});
        ASSERT_TRUE(done) << done.error().text();
        store->take_changes();
    }
    std::string all() { return store->show({}, "", ConfigFormat::json).value_or("(none)"); }
    Result<ConfigMigrated> migrate(const std::vector<std::string>& paths, bool dry_run = false) {
        return store->migrate({.from = "router@1",
                               .to = "router@2",
                               .instances = paths,
                               .dry_run = dry_run,
                               .by = "alice"});
    }

    static std::string name(std::size_t number) { return "d" + std::to_string(number); }
    // Instances, of which some hold what has no place in the other, and one has a number that only
    // the rules of the other do not take.
    static std::string many(std::size_t count, const std::vector<std::size_t>& losing = {},
                            std::optional<std::size_t> refused = {}) {
        std::string text;
        for (std::size_t i = 0; i < count; ++i)
            text += fmt::format(
                R"({}{{"name": "{}", "driver": "router@1", "router-1:bgp": {{"as": {}}}{}}})",
                i == 0 ? "" : ",", name(i), i == refused ? 13 : 100 + i,
                std::ranges::find(losing, i) != losing.end() ? R"(, "router-1:banner": "hello")"
                                                             : "");
        return R"({"dev:devices": {"device": [)" + text + "]}}";
    }
    static std::size_t moved(const ConfigMigrated& report) {
        return static_cast<std::size_t>(
            std::ranges::count(report.instances, State::moved, &MigratedInstance::state));
    }
    static ConfigFile file(const std::string& name, std::string_view text) {
        return {.name = name, .digest = digest_of(text)};
    }
    static ConfigSide side(const std::string& line, const std::string& module) {
        return {.line = line,
                .instances = {.path = "/dev:devices/device", .bound_by = "driver", .value = line},
                .modules = {module}};
    }
    TempFolder folder = TempFolder::create("/tmp", "instances-").value();
    SystemClock clock;
    std::unique_ptr<Log> log = Log::silent();
    std::unique_ptr<ConfigStore> store;
    ConfigFiles files{.modules = {file("dev.yang", kDev), file("router-1.yang", kOne),
                                  file("router-2.yang", kTwo)},
                      .migrations = {},
                      .moves = {file("router@1-to-router@2.json", kMove)},
                      .sides = {side("router@1", "router-1"), side("router@2", "router-2")}};
};

TEST_F(InstancesTest, AreThoseWhoseLeafNamesThePackage) {
    EXPECT_THAT(*store->bound("router@1", false),
                ElementsAre(device("r1"), device("r2"), device("r3")));
    EXPECT_THAT(*store->bound("router@2", false), IsEmpty());
    EXPECT_THAT(*store->bound("switch@1", false), IsEmpty());
}

TEST_F(InstancesTest, OneMovesInARevisionOfItsOwnAndKeepsItsPlace) {
    const auto before = store->status()->running;
    const auto report = migrate({"/dev:devices/device[name=\"r2\"]"});
    ASSERT_TRUE(report) << report.error().text();
    ASSERT_EQ(report->instances.size(), 1U);
    const auto& moved = report->instances.front();
    EXPECT_EQ(moved.state, State::moved) << (moved.error ? moved.error->text() : "");
    EXPECT_EQ(moved.revision, before + 1);
    EXPECT_EQ(store->history(1)->front().comment,
              "migrated " + device("r2") + " from router@1 to router@2");
    EXPECT_EQ(store->value({}, device("r2") + "/router-2:routing/as-number").value_or("?"),
              "64999");
    EXPECT_THAT(*store->bound("router@1", false), ElementsAre(device("r1"), device("r3")));
    const auto text = all();
    EXPECT_LT(text.find("\"r1\""), text.find("\"r2\""));
    EXPECT_LT(text.find("\"r2\""), text.find("\"x\""));
    EXPECT_THAT(store->take_changes(), testing::Contains("dev"));
}

TEST_F(InstancesTest, TheReportTellsEachPathBeforeAndAfter) {
    const auto report = migrate({device("r2")}, true);
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_THAT(
        report->instances.front().changes,
        testing::UnorderedElementsAre(
            ConfigMove{device("r2") + "/driver", device("r2") + "/driver", "router@1", "router@2"},
            ConfigMove{device("r2") + "/router-1:bgp/as",
                       device("r2") + "/router-2:routing/as-number", "64999", "64999"}));
}

TEST_F(InstancesTest, ADryRunChangesNothingAndFindsWhatAllTogetherBreak) {
    load(R"({"dev:devices": {"device": [
      {"name": "r1", "driver": "router@1", "router-1:bgp": {"as": 64999}},
      {"name": "r2", "driver": "router@1", "router-1:bgp": {"as": 64998}}]}})");
    const auto before = all();
    const auto report = migrate({}, true);
    ASSERT_TRUE(report) << report.error().text();
    ASSERT_EQ(report->instances.size(), 2U);
    for (const auto& instance : report->instances) {
        EXPECT_EQ(instance.state, State::moved);
        EXPECT_EQ(instance.revision, 0);
    }
    EXPECT_EQ(all(), before);
}

TEST_F(InstancesTest, AllStopAtTheFirstThatFailsWhichIsAsItWas) {
    const auto report = migrate({});
    ASSERT_TRUE(report) << report.error().text();
    ASSERT_EQ(report->instances.size(), 3U);
    EXPECT_EQ(report->instances[0].state, State::failed) << "65001 is out of the new range";
    ASSERT_TRUE(report->instances[0].error);
    EXPECT_EQ(report->instances[0].error->id, errors::config_would_lose.id);
    EXPECT_EQ(report->instances[1].state, State::untouched);
    EXPECT_THAT(*store->bound("router@1", false),
                ElementsAre(device("r1"), device("r2"), device("r3")));
    EXPECT_EQ(store->value({}, device("r1") + "/router-1:bgp/as").value_or("?"), "65001");
}

TEST_F(InstancesTest, WhatHasNoPlaceIsListedAndLostOnlyByForce) {
    load(R"({"dev:devices": {"device": [
      {"name": "r1", "driver": "router@1", "router-1:banner": "hello"}]}})");
    const auto refused = migrate({device("r1")});
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->instances[0].error->id, errors::config_would_lose.id);
    EXPECT_THAT(refused->instances[0].lost,
                ElementsAre(ConfigLoss{device("r1") + "/router-1:banner", "hello",
                                       "router@2 has no place for it"}));
    const auto forced = store->migrate(
        {.from = "router@1", .to = "router@2", .instances = {device("r1")}, .lose = true});
    ASSERT_TRUE(forced);
    EXPECT_EQ(forced->instances[0].state, State::moved);
    EXPECT_THAT(all(), Not(HasSubstr("banner")));
}

TEST_F(InstancesTest, MoveThousandsTogetherInOneRevision) {
    load(many(kMigratedAtOnce + 2));
    const auto before = store->history(1)->front().id;
    auto report = migrate({});
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(moved(*report), kMigratedAtOnce);
    EXPECT_EQ(report->instances.front().changes.size(), 2U);
    EXPECT_EQ(report->instances.back().state, State::untouched);
    EXPECT_THAT(report->instances.back().changes, IsEmpty());
    EXPECT_EQ(store->history(1)->front().id, before + 1);
    EXPECT_EQ(store->history(1)->front().comment,
              "migrated 2500 instances from router@1 to router@2");
    report = migrate({});
    EXPECT_EQ(moved(*report), 2U);
    EXPECT_EQ(report->instances.front().revision, before + 2);
    EXPECT_THAT(*store->bound("router@1", false), IsEmpty());
}

TEST_F(InstancesTest, ADryRunAnswersForEachAsTheRunDoes) {
    load(many(kMigratedAtOnce + 5, {kMigratedAtOnce + 3}));
    const auto dry = migrate({}, true);
    ASSERT_TRUE(dry) << dry.error().text();
    EXPECT_EQ(moved(*dry), kMigratedAtOnce + 3);
    const auto first = migrate({});
    auto second = migrate({});
    EXPECT_EQ(moved(*first), kMigratedAtOnce);
    for (auto& instance : second->instances) instance.revision = 0;
    EXPECT_TRUE(
        std::ranges::equal(dry->instances | std::views::drop(kMigratedAtOnce), second->instances));
}

TEST_F(InstancesTest, TheFirstThatTheRulesRefuseIsFoundAmongMany) {
    for (const std::size_t bad : {0U, 1U, 6U, 12U}) {
        load(many(13, {}, bad));
        for (const bool dry_run : {true, false}) {
            const auto report = migrate({}, dry_run);
            ASSERT_TRUE(report) << report.error().text();
            EXPECT_EQ(moved(*report), bad);
            const auto& failed = report->instances.at(bad);
            EXPECT_EQ(failed.state, State::failed);
            EXPECT_EQ(failed.error.value_or(Error()).id, errors::config_invalid.id);
            EXPECT_FALSE(failed.changes.empty());
            for (std::size_t i = bad + 1; i < report->instances.size(); ++i)
                EXPECT_EQ(report->instances[i], MigratedInstance{.path = device(name(i))});
        }
        EXPECT_EQ(store->bound("router@1", false)->size(), 13 - bad);
    }
}

TEST_F(InstancesTest, WhatWouldLoseDoesNotHideWhatTheRulesRefuseBeforeIt) {
    load(many(8, {5}, 2));
    const auto report = migrate({});
    EXPECT_EQ(moved(*report), 2U);
    EXPECT_EQ(report->instances[2].error.value_or(Error()).id, errors::config_invalid.id);
    EXPECT_THAT(report->instances[5].lost, IsEmpty()) << "its turn did not come";
}

TEST_F(InstancesTest, HaveMovedAlsoWhereServicesCannotReadIt) {
    std::filesystem::remove_all(folder.path() / "data");
    ASSERT_TRUE(write_file_durably(folder.path() / "data", "in the way"));
    const auto report = migrate({device("r2"), device("r3")});
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(moved(*report), 2U);
    EXPECT_THAT(report->instances[0].error.value_or(Error()).text(), HasSubstr("runs, but"));
    EXPECT_THAT(*store->bound("router@1", false), ElementsAre(device("r1")));
}

TEST_F(InstancesTest, MoveBackByTheSameMigration) {
    ASSERT_TRUE(migrate({device("r2")}));
    const auto back =
        store->migrate({.from = "router@2", .to = "router@1", .instances = {device("r2")}});
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->instances[0].state, State::moved);
    EXPECT_EQ(store->value({}, device("r2") + "/router-1:bgp/as").value_or("?"), "64999");
}

TEST_F(InstancesTest, WhatIsNoInstanceOrNoPackageIsRefusedBeforeAnythingMoves) {
    EXPECT_EQ(migrate({device("r2"), device("x")}).error().id, errors::config_not_bound.id);
    EXPECT_EQ(store->migrate({.from = "router@1", .to = "router@3"}).error().id,
              errors::config_no_side.id);
    store->make_read_only("operation 7 is at work");
    EXPECT_EQ(migrate({device("r2")}).error().id, errors::config_read_only.id);
    store->make_read_only("");
    ASSERT_TRUE(store->edit(
        "t", {{.kind = ConfigEdit::Kind::set, .path = device("x") + "/address", .value = "a"}}));
    ASSERT_TRUE(store->commit(
        {.session = "t", .by = "t", .comment = "", .confirm = std::chrono::seconds(60)}));
    EXPECT_EQ(migrate({device("r2")}).error().id, errors::config_on_trial.id);
    EXPECT_THAT(*store->bound("router@1", false),
                ElementsAre(device("r1"), device("r2"), device("r3")));
}

TEST_F(InstancesTest, AMigrationThatReachesOutOfTheInstanceIsRefused) {
    constexpr std::string_view kWide = R"({"from": "router@1", "to": "router@2", "steps": [
      {"move": "/dev:devices/device/router-1:bgp", "to": "/dev:devices/bgp"}]})";
    ASSERT_TRUE(store->keep({{.digest = digest_of(kWide), .text = std::string(kWide)}}));
    files.moves = {file("router@1-to-router@2.json", kWide)};
    ASSERT_TRUE(store->use(files, "boot 1"));
    const auto report = migrate({device("r2")});
    ASSERT_TRUE(report);
    ASSERT_TRUE(report->instances[0].error);
    EXPECT_EQ(report->instances[0].error->id, errors::config_migration.id);
}

TEST_F(InstancesTest, AreBoundInWhatABootBeginsWithUntilItIsSaved) {
    ASSERT_TRUE(store->save("t"));
    ASSERT_TRUE(migrate({device("r2"), device("r3")}));
    EXPECT_THAT(*store->bound("router@1", false), ElementsAre(device("r1")));
    EXPECT_THAT(*store->bound("router@1", true),
                ElementsAre(device("r1"), device("r2"), device("r3")));
    ASSERT_TRUE(store->save("t"));
    EXPECT_THAT(*store->bound("router@1", true), ElementsAre(device("r1")));
}

TEST_F(InstancesTest, MayBeBoundByAnIdentity) {
    constexpr std::string_view kList = R"(module list {
      yang-version 1.1; namespace "urn:list"; prefix l;
      identity driver;
      list node { key name; leaf name { type string; }
        leaf driver { type identityref { base driver; } } }
    })";
    constexpr std::string_view kBoth = R"(module drivers {
      yang-version 1.1; namespace "urn:drivers"; prefix d;
      import list { prefix l; }
      identity one { base l:driver; }
      identity two { base l:driver; }
    })";
    for (const auto& text : {kList, kBoth})
        ASSERT_TRUE(store->keep({{.digest = digest_of(text), .text = std::string(text)}}));
    ConfigFiles other{.modules = {file("list.yang", kList), file("drivers.yang", kBoth)},
                      .migrations = {},
                      .moves = {},
                      .sides = {side("router@1", "none"), side("router@2", "none")}};
    for (auto& bound : other.sides) bound.instances.path = "/list:node";
    other.sides[0].instances.value = "drivers:one";
    other.sides[1].instances.value = "drivers:two";
    const auto used = store->use(other, "boot 1");
    ASSERT_TRUE(used) << used.error().text();
    load(R"({"list:node": [{"name": "n1", "driver": "drivers:one"}]})");
    const auto report = migrate({});
    ASSERT_TRUE(report) << report.error().text();
    ASSERT_EQ(report->instances.size(), 1U);
    EXPECT_EQ(report->instances[0].state, State::moved)
        << report->instances[0].error.value_or(Error()).text();
    EXPECT_EQ(store->value({}, "/list:node[name='n1']/driver").value_or("?"), "drivers:two");
}

TEST_F(InstancesTest, GoBackWithThePackagesAndWithWhatWasChangedSince) {
    const ConfigFiles alone{.modules = {file("dev.yang", kDev), file("router-1.yang", kOne)},
                            .migrations = {},
                            .moves = {},
                            .sides = {side("router@1", "router-1")}};
    ASSERT_TRUE(store->use(alone, "boot 1"));
    ASSERT_TRUE(store->prepare(files, ConfigWay::forward, 1, false));
    ASSERT_TRUE(store->use(files, "boot 1"));
    ASSERT_TRUE(migrate({device("r2"), device("r3")}));
    ASSERT_TRUE(store->edit("t", {{.kind = ConfigEdit::Kind::set,
                                   .path = device("r2") + "/router-2:routing/as-number",
                                   .value = "7"}}));
    ASSERT_TRUE(store->commit({.session = "t", .by = "t", .comment = ""}));
    const auto looked = store->examine(alone, ConfigWay::back, {});
    ASSERT_TRUE(looked) << looked.error().text();
    EXPECT_THAT(looked->left_behind, IsEmpty());
    const auto prepared = store->prepare(alone, ConfigWay::back, 2, false);
    ASSERT_TRUE(prepared) << prepared.error().text();
    ASSERT_TRUE(store->use(alone, "boot 1"));
    EXPECT_THAT(*store->bound("router@1", false),
                ElementsAre(device("r1"), device("r2"), device("r3")));
    EXPECT_EQ(store->value({}, device("r2") + "/router-1:bgp/as").value_or("?"), "7");
    EXPECT_EQ(store->value({}, device("r3") + "/router-1:bgp/as").value_or("?"), "64998");
}

}  // namespace
}  // namespace cutover
