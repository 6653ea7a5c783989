#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/data_upgrade.h"
#include "config/yang_schema.h"

namespace cutover {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Kind = DataChange::Kind;

std::string module(const std::string& name, const std::string& revision, const std::string& body) {
    return fmt::format(
        "module {0} {{ yang-version 1.1; namespace \"urn:{0}\"; prefix {0}; revision {1}; {2} }}",
        name, revision, body);
}

const std::string kOld = module("net", "2025-01-01", R"(container net {
    leaf hostname { type string; }
    list port { key name; leaf name { type string; } leaf rate { type uint32 { range "0..100"; } }
      leaf ip { type string; } leaf mode { type enumeration { enum a; enum b; enum c; } }
      leaf old { type string; } }
    leaf-list dns { type string; ordered-by user; }
  })");
const std::string kNew = module("net", "2026-01-01", R"(container net {
    leaf hostname { type string; }
    list port { key name; leaf name { type string; } leaf speed { type uint32; }
      leaf address { type string; } leaf length { type uint8; }
      leaf mode { type enumeration { enum ab; enum c; enum d; } }
      leaf mtu { type uint16; } }
    leaf-list dns { type string; ordered-by user; }
    leaf fresh { type string; }
  })");
const std::string kQos =
    module("qos", "2025-01-01", "container qos { leaf weight { type uint8; } }");
const std::string kExtra = module("extra", "2026-01-01", "leaf extra { type string; }");

const std::string kSteps = R"(
    {"rename": "/net:net/port/rate", "to": "speed"},
    {"split": "/net:net/port/ip", "separator": "/", "into": ["address", "length"]},
    {"map": "/net:net/port/mode", "values": [["a", "ab"], ["b", "ab"]]},
    {"default": "/net:net/port/mtu", "value": 1500},
    {"remove": "/net:net/port/old"})";

YangSchema schema(const std::vector<std::string>& modules) {
    return YangSchema::compile(modules).value();
}

struct CarryBackTest : testing::Test {
    // What the old data and an upgrade of them became once the new ones were edited.
    CarriedBack carried(const std::string& old_data, const std::string& new_now) const {
        const auto upgraded = upgrade_data(
            {.from = old_schema, .data = old_data, .to = new_schema, .migrations = files});
        EXPECT_TRUE(upgraded) << upgraded.error().text();
        if (!upgraded) return {};
        const auto result = carry_back({.old_schema = old_schema,
                                        .old_then = old_data,
                                        .new_schema = new_schema,
                                        .new_then = upgraded->data,
                                        .new_now = new_now,
                                        .migrations = files});
        EXPECT_TRUE(result) << result.error().text();
        return result ? *result : CarriedBack();
    }
    YangSchema old_schema = schema({kOld, kQos});
    YangSchema new_schema = schema({kNew, kQos, kExtra});
    std::vector<MigrationFile> files{
        {.module = "net",
         .from = "2025-01-01",
         .to = "2026-01-01",
         .text =
             R"({"module":"net","from":"2025-01-01","to":"2026-01-01","steps":[)" + kSteps + "]}"}};
    const std::string old_port =
        R"({"name":"e0","rate":10,"ip":"192.0.2.1/24","mode":"a","old":"kept"})";
};

TEST_F(CarryBackTest, WhatWasChangedSinceIsChangedInTheOldDataToo) {
    const auto result =
        carried(R"({"net:net":{"hostname":"a","port":[)" + old_port +
                    R"(,{"name":"e1"}]},"qos:qos":{"weight":1}})",
                R"({"net:net":{"hostname":"b","port":[{"name":"e0","speed":20,"address":"192.0.2.9",
            "length":25,"mode":"ab","mtu":1500},{"name":"e2","speed":5,"mtu":1500}]},
            "qos:qos":{"weight":2}})");
    EXPECT_EQ(result.data,
              R"({"net:net":{"hostname":"b","port":[{"name":"e0","rate":20,"ip":"192.0.2.9/25",)"
              R"("mode":"a","old":"kept"},{"name":"e2","rate":5}]},"qos:qos":{"weight":2}})")
        << "what the upgrade removed is there again, and what several values became is as it was";
    EXPECT_THAT(result.not_carried, IsEmpty());
    EXPECT_THAT(result.invalid, IsEmpty());
    const std::string port = "/net:net/port[name='e0']";
    EXPECT_THAT(
        result.carried,
        UnorderedElementsAre(
            DataChange{Kind::changed, "/net:net/hostname", "/net:net/hostname", "a", "b"},
            DataChange{Kind::changed, port + "/rate", port + "/rate", "10", "20"},
            DataChange{Kind::changed, port + "/ip", port + "/ip", "192.0.2.1/24", "192.0.2.9/25"},
            DataChange{Kind::removed, "/net:net/port[name='e1']", "", "", ""},
            DataChange{Kind::added, "", "/net:net/port[name='e2']", "", ""},
            DataChange{Kind::added, "", "/net:net/port[name='e2']/rate", "", "5"},
            DataChange{Kind::changed, "/qos:qos/weight", "/qos:qos/weight", "1", "2"}));
}

TEST_F(CarryBackTest, WhatCannotGoBackIsToldWithTheReason) {
    const auto result = carried(R"({"net:net":{"port":[)" + old_port + "]}}",
                                R"({"net:net":{"fresh":"x","port":[{"name":"e0","speed":1000,
                    "address":"192.0.2.1","length":24,"mode":"d","mtu":9000},
                    {"name":"e1","mode":"ab","mtu":1500}]},"extra:extra":"y"})");
    EXPECT_EQ(result.data, R"({"net:net":{"port":[)" + old_port + R"(,{"name":"e1"}]}})")
        << "what cannot have its new value keeps its old one";
    const auto untold = [](const std::string& path, const std::string& why) {
        return AllOf(Field(&NotCarried::change, Field(&DataChange::path_after, path)),
                     Field(&NotCarried::why, HasSubstr(why)));
    };
    EXPECT_THAT(result.not_carried,
                UnorderedElementsAre(untold("/net:net/fresh", "net 2025-01-01 has no fresh in net"),
                                     untold("/net:net/port[name='e0']/speed", "range"),
                                     untold("/net:net/port[name='e0']/mode", "enum"),
                                     untold("/net:net/port[name='e0']/mtu", "has no mtu"),
                                     untold("/net:net/port[name='e1']/mode", "several values"),
                                     untold("/extra:extra", "module extra is gone")));
}

TEST_F(CarryBackTest, NothingChangedIsTheOldDataAsTheyWere) {
    const std::string data = R"({"net:net":{"port":[)" + old_port + R"(],"dns":["1","2"]}})";
    const auto upgraded =
        upgrade_data({.from = old_schema, .data = data, .to = new_schema, .migrations = files});
    const auto result = carried(data, upgraded->data);
    EXPECT_EQ(result.data, data);
    EXPECT_THAT(result.carried, IsEmpty());
    EXPECT_THAT(result.not_carried, IsEmpty());
}

TEST_F(CarryBackTest, TheOrderThatAUserGaveIsCarried) {
    const auto result =
        carried(R"({"net:net":{"dns":["1","2","3"]}})", R"({"net:net":{"dns":["3","4","1"]}})");
    EXPECT_EQ(result.data, R"({"net:net":{"dns":["3","4","1"]}})");
}

TEST_F(CarryBackTest, WithoutAWayBackAModuleStaysAndTheOthersAreCarried) {
    files[0] = {.module = "net", .from = "2025-01-01", .to = "2026-01-01", .script = true};
    const auto result =
        carry_back({.old_schema = old_schema,
                    .old_then = R"({"net:net":{"hostname":"a"}})",
                    .new_schema = new_schema,
                    .new_then = R"({"net:net":{"hostname":"a"}})",
                    .new_now = R"({"net:net":{"hostname":"b"},"qos:qos":{"weight":2}})",
                    .migrations = files});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->data, R"({"net:net":{"hostname":"a"},"qos:qos":{"weight":2}})");
    EXPECT_THAT(result->not_carried,
                ElementsAre(AllOf(Field(&NotCarried::change, Field(&DataChange::after, "b")),
                                  Field(&NotCarried::why,
                                        HasSubstr("do not lead from 2026-01-01 to 2025-01-01")))));
}

TEST_F(CarryBackTest, AScriptMayLeadBack) {
    files = {{.module = "net", .from = "2026-01-01", .to = "2025-01-01", .script = true}};
    const auto result =
        carry_back({.old_schema = old_schema,
                    .old_then = R"({"net:net":{"hostname":"a"}})",
                    .new_schema = new_schema,
                    .new_then = R"({"net:net":{"fresh":"a"}})",
                    .new_now = R"({"net:net":{"fresh":"b"}})",
                    .migrations = files,
                    .run_script = [](const std::string&, const std::string&, const std::string&,
                                     const std::string& json) -> Result<std::string> {
                        auto answer = json;
                        answer.replace(answer.find("fresh"), 5, "hostname");
                        return answer;
                    }});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->data, R"({"net:net":{"hostname":"b"}})");
}

TEST_F(CarryBackTest, OldDataThatWouldBreakARuleAreNotToBeUsed) {
    old_schema = schema({module("net", "2025-01-01", R"(container net {
        leaf a { type string; } leaf b { type string; must "../a"; } })")});
    new_schema = schema({module("net", "2026-01-01", R"(container net {
        leaf a { type string; } leaf b { type string; } })")});
    files.clear();
    const auto result = carried(R"({"net:net":{"a":"1"}})", R"({"net:net":{"b":"2"}})");
    EXPECT_FALSE(result.usable());
    EXPECT_THAT(result.invalid, ElementsAre(Field(&InvalidData::path, "/net:net/b")));
}

}  // namespace
}  // namespace cutover
