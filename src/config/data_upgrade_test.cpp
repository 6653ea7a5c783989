#include "config/data_upgrade.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/errors.h"
#include "config/yang_schema.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Kind = DataChange::Kind;

std::string module(const std::string& name, const std::string& revision, const std::string& body) {
    return fmt::format(
        "module {0} {{ yang-version 1.1; namespace \"urn:{0}\"; prefix {0}; {1} {2} }}", name,
        revision.empty() ? "" : "revision " + revision + ";", body);
}

const std::string kOld = module("net", "2025-01-01", R"(container net {
    leaf hostname { type string; }
    list port { key name; leaf name { type string; } leaf rate { type uint32; }
      leaf ip { type string; } leaf mode { type string; } leaf peer { type string; } }
    leaf-list dns { type string; }
    container ntp { presence used; leaf server { type string; } }
    leaf old { type string; }
  })");
const std::string kNew = module("net", "2026-01-01", R"(container net {
    leaf hostname { type string { length "1..8"; } }
    list port { key name; leaf name { type string; } leaf speed { type uint32 { range "0..100"; } }
      leaf address { type string; } leaf length { type uint8; }
      leaf mode { type enumeration { enum full; enum half; } }
      leaf peer { type leafref { path "../../port/name"; } } }
    leaf-list dns { type string; }
    container time { presence used; leaf server { type string; mandatory true; } }
    leaf domain { type string; }
  })");
const std::string kQos = module("qos", "2025-01-01", R"(container qos { container nothing {}
    list queue { key id; leaf id { type uint8; } leaf weight { type uint16; } } })");

MigrationFile file(const std::string& from, const std::string& to, const std::string& steps,
                   const std::string& name = "net") {
    return {.module = name,
            .from = from,
            .to = to,
            .text = fmt::format(R"({{"module":"{}","from":"{}","to":"{}","steps":[{}]}})", name,
                                from, to, steps)};
}

const std::string kSteps = R"(
    {"rename": "/net:net/port/rate", "to": "speed"},
    {"split": "/net:net/port/ip", "separator": "/", "into": ["address", "length"]},
    {"map": "/net:net/port/mode", "values": [["fdx", "full"], ["hdx", "half"]]},
    {"rename": "/net:net/ntp", "to": "time"},
    {"default": "/net:net/domain", "value": "example.net"},
    {"remove": "/net:net/old"})";

YangSchema schema(const std::vector<std::string>& modules) {
    auto made = YangSchema::compile(modules);
    EXPECT_TRUE(made) << made.error().text();
    return made.value();
}

struct DataUpgradeTest : testing::Test {
    Result<DataUpgrade> upgrade(const std::string& data, std::vector<MigrationFile> files) const {
        return upgrade_data({.from = from,
                             .data = data,
                             .to = to,
                             .migrations = std::move(files),
                             .run_script = script});
    }
    DataUpgrade upgraded(const std::string& data, std::vector<MigrationFile> files) const {
        auto result = upgrade(data, std::move(files));
        EXPECT_TRUE(result) << result.error().text();
        return result ? *std::move(result) : DataUpgrade();
    }
    std::string refused(std::vector<MigrationFile> files) const {
        const auto result = upgrade(R"({"net:net":{}})", std::move(files));
        if (result) return "(done)";
        EXPECT_EQ(result.error().id, "config.migration");
        return result.error().text();
    }
    YangSchema from = schema({kOld, kQos});
    YangSchema to = schema({kNew, kQos});
    std::vector<MigrationFile> step{file("2025-01-01", "2026-01-01", kSteps)};
    RunMigrationScript script;
};

TEST_F(DataUpgradeTest, WhatMigrationsMadeIsToldAsPeopleReadIt) {
    const auto result = upgraded(
        R"({"net:net":{"hostname":"olt","port":[{"name":"e0","rate":10,"ip":"192.0.2.1/24",
            "mode":"fdx"}],"ntp":{"server":"t"},"old":"x"}})",
        step);
    EXPECT_EQ(result.data,
              R"({"net:net":{"hostname":"olt","port":[{"name":"e0","speed":10,)"
              R"("address":"192.0.2.1","length":24,"mode":"full"}],"time":{"server":"t"},)"
              R"("domain":"example.net"}})")
        << "a length of text became a number, as the new module has it";
    EXPECT_THAT(result.invalid, IsEmpty());
    EXPECT_THAT(result.lost, IsEmpty());
    const std::string port = "/net:net/port[name='e0']";
    EXPECT_THAT(
        result.changes,
        UnorderedElementsAre(
            DataChange{Kind::moved, port + "/rate", port + "/speed", "10", "10"},
            DataChange{Kind::moved, port + "/ip", port + "/address", "192.0.2.1/24", "192.0.2.1"},
            DataChange{Kind::moved, port + "/ip", port + "/length", "192.0.2.1/24", "24"},
            DataChange{Kind::changed, port + "/mode", port + "/mode", "fdx", "full"},
            DataChange{Kind::moved, "/net:net/ntp", "/net:net/time", "", ""},
            DataChange{Kind::added, "", "/net:net/domain", "", "example.net"},
            DataChange{Kind::removed, "/net:net/old", "", "x", ""}));
    EXPECT_THAT(result.migrations,
                ElementsAre(MigrationRun{"net", "2025-01-01", "2026-01-01", false, 7}));
}

TEST_F(DataUpgradeTest, EveryNodeThatWouldBeLostIsNamedWithItsValueAndTheReason) {
    to = schema({kNew});
    const auto result = upgraded(
        R"({"qos:qos":{"nothing":{},"queue":[{"id":1,"weight":5},{"id":2}]},
            "net:net":{"hostname":"far-too-long","port":[{"name":"e0","rate":1000},
            {"name":"e1","rate":100}],"old":"x"}})",
        {file("2025-01-01", "2026-01-01", R"({"rename":"/net:net/port/rate","to":"speed"})")});
    EXPECT_THAT(result.invalid, IsEmpty());
    EXPECT_EQ(result.data, R"({"net:net":{"port":[{"name":"e0"},{"name":"e1","speed":100}]}})");
    const std::string gone = "module qos is gone";
    EXPECT_THAT(result.lost,
                UnorderedElementsAre(
                    LostData{"/qos:qos/queue[id='1']", "", gone},
                    LostData{"/qos:qos/queue[id='1']/weight", "5", gone},
                    LostData{"/qos:qos/queue[id='2']", "", gone},
                    LostData{"/net:net/old", "x", "net 2026-01-01 has no old in net"},
                    testing::AllOf(testing::Field(&LostData::path, "/net:net/hostname"),
                                   testing::Field(&LostData::why, HasSubstr("length"))),
                    testing::AllOf(testing::Field(&LostData::path, "/net:net/port[name='e0']/rate"),
                                   testing::Field(&LostData::value, "1000"),
                                   testing::Field(&LostData::why, HasSubstr("range")))));
}

TEST_F(DataUpgradeTest, EveryRuleThatNoLongerHoldsIsNamedAndNoOther) {
    const auto result = upgraded(
        R"({"net:net":{"port":[{"name":"e0","peer":"e9"},{"name":"e1","peer":"e0"},
            {"name":"e2","peer":"e8"}],"ntp":{}}})",
        {file("2025-01-01", "2026-01-01", R"({"rename":"/net:net/ntp","to":"time"})")});
    EXPECT_FALSE(result.usable());
    EXPECT_THAT(
        result.invalid,
        UnorderedElementsAre(
            testing::AllOf(testing::Field(&InvalidData::path, "/net:net/port[name='e0']/peer"),
                           testing::Field(&InvalidData::why, HasSubstr("e9"))),
            testing::AllOf(testing::Field(&InvalidData::path, "/net:net/port[name='e2']/peer"),
                           testing::Field(&InvalidData::why, HasSubstr("e8"))),
            testing::Field(&InvalidData::why, HasSubstr("server"))));
    EXPECT_FALSE(result.invalid_untold);
}

// Where something is missing, libyang names the rule and not the place.
TEST_F(DataUpgradeTest, WhatLacksSomethingIsNamedEntryByEntry) {
    from = schema({module("net", "2025-01-01", R"(container net { list port { key name;
        leaf name { type string; } leaf id { type uint8; } leaf a { type string; }
        leaf b { type string; } leaf-list dns { type string; } leaf up { type string; } } })")});
    to = schema({module("net", "2026-01-01", R"(container net { list port { key name; unique id;
        leaf name { type string; } leaf id { type uint8; }
        choice way { mandatory true; leaf a { type string; } leaf b { type string; } }
        leaf-list dns { type string; min-elements 2; }
        leaf up { type leafref { path "../../port/name"; } must "../a"; } } })")});
    const auto result = upgraded(R"({"net:net":{"port":[
        {"name":"1","a":"x","dns":["x"]}, {"name":"2","dns":["x","y"]},
        {"name":"3","a":"x","dns":["x","y"],"id":7}, {"name":"4","b":"x","dns":["x","y"],"id":7},
        {"name":"5","b":"x","dns":["x","y"],"up":"3"}, {"name":"6","a":"x","dns":["x","y"],
        "up":"1"}]}})",
                                 {});
    const auto told = [](const std::string& path, const std::string& why) {
        return testing::AllOf(testing::Field(&InvalidData::path, HasSubstr(path)),
                              testing::Field(&InvalidData::why, HasSubstr(why)));
    };
    EXPECT_THAT(result.invalid, UnorderedElementsAre(told("/net:net/port[name='1']/dns", "dns"),
                                                     told("/net:net/port[name='2']/way", "way"),
                                                     told("/net:net/port[name='", "nique"),
                                                     told("/net:net/port[name='5']/up", "Must")))
        << "that 6 refers to 1 is not wrong because 1 is";
    EXPECT_FALSE(result.invalid_untold);
}

TEST_F(DataUpgradeTest, AValueIsWrittenAsItsNewTypeIsWritten) {
    from = schema({module("net", "2025-01-01", R"(container net { leaf a { type string; }
        leaf b { type uint8; } leaf c { type string; } leaf d { type uint8; }
        leaf-list e { type uint32; } leaf f { type string; } leaf g { type string; } })")});
    to = schema({module("net", "2026-01-01", R"(container net { leaf a { type uint8; }
        leaf b { type string; } leaf c { type boolean; } leaf d { type uint64; }
        leaf-list e { type uint64; }
        leaf f { type union { type uint8; type boolean; } }
        leaf g { type union { type uint8; type string; } } })")});
    const auto result =
        upgraded(R"({"net:net":{"a":"5","b":5,"c":"true","d":5,"e":[1,2],"f":"5","g":"5"}})", {});
    EXPECT_EQ(result.data,
              R"({"net:net":{"a":5,"b":"5","c":true,"d":"5","e":["1","2"],"f":5,"g":"5"}})");
    EXPECT_TRUE(result.usable());
    EXPECT_THAT(result.lost, IsEmpty());
}

TEST_F(DataUpgradeTest, AModuleWithoutMigrationsNearKeepsItsData) {
    const auto result = upgraded(R"({"net:net":{"hostname":"a"},"qos:qos":{"queue":[{"id":1}]}})",
                                 {file("2020-01-01", "2021-01-01", kSteps)});
    EXPECT_THAT(result.changes, IsEmpty());
    EXPECT_THAT(result.migrations, IsEmpty());
    EXPECT_THAT(result.lost, IsEmpty());
    EXPECT_EQ(result.data, R"({"net:net":{"hostname":"a"},"qos:qos":{"queue":[{"id":1}]}})");
    EXPECT_EQ(upgraded("{}", {}).data, "{}");
}

TEST_F(DataUpgradeTest, SeveralMigrationsFollowEachOther) {
    const std::string first = R"({"rename":"/net:net/old","to":"older"})";
    const std::string second = R"({"rename":"/net:net/older","to":"domain"})";
    const auto result = upgraded(
        R"({"net:net":{"old":"x"}})",
        {file("2025-06-01", "2026-01-01", second), file("2025-01-01", "2025-06-01", first)});
    EXPECT_THAT(result.changes,
                ElementsAre(DataChange{Kind::moved, "/net:net/old", "/net:net/domain", "x", "x"}))
        << "told once, from where it was to where it is";
    EXPECT_EQ(result.migrations.size(), 2U);
}

TEST_F(DataUpgradeTest, AChainMustBeTheOnlyOneAndWhole) {
    EXPECT_THAT(refused({file("2025-01-01", "2026-01-01", ""), file("2025-01-01", "2025-06-01", ""),
                         file("2025-06-01", "2026-01-01", "")}),
                testing::AllOf(HasSubstr("two chains"), HasSubstr("2025-06-01")));
    EXPECT_THAT(
        refused({file("2025-01-01", "2025-06-01", ""), file("2025-06-01", "2025-01-01", "")}),
        HasSubstr("in a circle"));
    for (const auto& gap :
         {file("2025-01-01", "2025-06-01", ""), file("2025-06-01", "2026-01-01", ""),
          file("2025-03-01", "2025-06-01", "")})
        EXPECT_THAT(refused({gap}), HasSubstr("do not lead from 2025-01-01 to 2026-01-01"));
}

TEST_F(DataUpgradeTest, AFileThatIsWrongIsNamed) {
    EXPECT_THAT(
        refused({file("2025-01-01", "2026-01-01", R"({"sort":1})")}),
        testing::AllOf(HasSubstr("net/2025-01-01-to-2026-01-01.json"), HasSubstr("step 1")));
    auto other = file("2025-01-01", "2025-02-01", "");
    other.to = "2026-01-01";
    EXPECT_THAT(refused({other}), HasSubstr("it says that it is net/2025-01-01-to-2025-02-01"));
    EXPECT_EQ(upgrade("{", {}).error().id, "config.unreadable");
}

TEST_F(DataUpgradeTest, ScriptsAndStepsMixInOneChain) {
    const MigrationFile runs{
        .module = "net", .from = "2025-06-01", .to = "2026-01-01", .script = true};
    const auto first =
        file("2025-01-01", "2025-06-01", R"({"rename":"/net:net/old","to":"older"})");
    EXPECT_THAT(refused({first, runs}), HasSubstr("it is a script"));
    std::string given;
    script = [&](const std::string& name, const std::string& before, const std::string& after,
                 const std::string& json) -> Result<std::string> {
        given = fmt::format("{} {} {} {}", name, before, after, json);
        return std::string(R"({"net:net":{"domain":"y","port":[{"name":"e1","speed":2},)"
                           R"({"name":"e0","speed":1}]}})");
    };
    const auto result =
        upgraded(R"({"net:net":{"old":"x","port":[{"name":"e0"},{"name":"e1"}]}})", {runs, first});
    EXPECT_EQ(given,
              "net 2025-06-01 2026-01-01 "
              R"({"net:net":{"older":"x","port":[{"name":"e0"},{"name":"e1"}]}})");
    EXPECT_THAT(
        result.changes,
        UnorderedElementsAre(DataChange{Kind::added, "", "/net:net/domain", "", "y"},
                             DataChange{Kind::added, "", "/net:net/port[name='e0']/speed", "", "1"},
                             DataChange{Kind::added, "", "/net:net/port[name='e1']/speed", "", "2"},
                             DataChange{Kind::removed, "/net:net/old", "", "x", ""}))
        << "entries are the same by their keys, whatever their order";
    script = [](auto&&...) -> Result<std::string> { return std::string("{"); };
    EXPECT_EQ(upgrade("{}", {first, runs}).error().id, "config.unreadable");
    script = [](auto&&...) -> Result<std::string> { return fail(Errc::timeout, "it hangs"); };
    EXPECT_EQ(upgrade("{}", {first, runs}).error().kind, Errc::timeout);
}

TEST_F(DataUpgradeTest, AModuleMayTakeOverTheDataOfAnother) {
    to = schema({module("shaping", "2026-01-01",
                        "container shaping { list queue { key id; leaf id { type uint8; } } }")});
    const auto result =
        upgraded(R"({"qos:qos":{"queue":[{"id":1}]}})",
                 {file("", "2026-01-01", R"({"rename":"/qos:qos","to":"shaping:shaping"},
                     {"rename":"/shaping:shaping/qos:queue","to":"shaping:queue"},
                     {"rename":"/shaping:shaping/queue/qos:id","to":"shaping:id"})",
                       "shaping")});
    EXPECT_EQ(result.data, R"({"shaping:shaping":{"queue":[{"id":1}]}})");
    EXPECT_THAT(result.lost, IsEmpty());
}

TEST_F(DataUpgradeTest, AnOlderModuleTakesMigrationsInReverse) {
    std::swap(from, to);
    const auto result = upgraded(
        R"({"net:net":{"port":[{"name":"e0","speed":10,"address":"192.0.2.1","length":24}],
            "domain":"example.net"}})",
        step);
    EXPECT_EQ(result.data, R"({"net:net":{"port":[{"name":"e0","rate":10,"ip":"192.0.2.1/24"}]}})");
    EXPECT_THAT(result.migrations,
                ElementsAre(MigrationRun{"net", "2026-01-01", "2025-01-01", false, 3}));
}

TEST_F(DataUpgradeTest, LongListsOfAReportAreCounted) {
    std::string ports;
    constexpr std::size_t kPorts = kMaxDataTold + 5;
    for (std::size_t i = 0; i < kPorts; ++i)
        ports += fmt::format(R"({}{{"name":"e{}","rate":1,"old":"x"}})", i > 0 ? "," : "", i);
    const auto result = upgraded(
        R"({"net:net":{"port":[)" + ports + "]}}",
        {file("2025-01-01", "2026-01-01", R"({"rename":"/net:net/port/rate","to":"speed"})")});
    EXPECT_EQ(result.changes.size(), kMaxDataTold);
    EXPECT_EQ(result.changes_untold, 5U);
    EXPECT_EQ(result.lost.size(), kMaxDataTold);
    EXPECT_EQ(result.lost_untold, 5U);
}

TEST(MigrationFileTest, AFilesNameTellsWhatItIs) {
    const auto json = migration_file("net/2025-01-01-to-2026-01-01.json", "{}");
    ASSERT_TRUE(json);
    EXPECT_EQ(json->module + json->from + json->to, "net2025-01-012026-01-01");
    EXPECT_EQ(json->text, "{}");
    EXPECT_FALSE(json->script);
    const auto script = migration_file("net/none-to-2026-01-01.sh", "#!/bin/sh");
    ASSERT_TRUE(script);
    EXPECT_TRUE(script->script);
    EXPECT_EQ(script->text, "#!/bin/sh");
    EXPECT_EQ(script->from, "");
    EXPECT_TRUE(migration_file("net/2025-01-01-to-2026-01-01", "")->script);
    for (const char* wrong :
         {"2025-01-01-to-2026-01-01.json", "net/x/2025-01-01-to-2026-01-01.json", "net/README.md",
          "net/1-to-2.json", "/2025-01-01-to-2026-01-01", "net/2025-01-01-to-2025-01-01.json"})
        EXPECT_EQ(migration_file(wrong, "").error().id, "config.migration") << wrong;
}

}  // namespace
}  // namespace cutover
