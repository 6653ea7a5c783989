#include "config/config_tree.h"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/yang_schema.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kModule = R"(module net {
  yang-version 1.1; namespace "urn:net"; prefix n;
  container net {
    leaf hostname { type string { length "1..8"; } }
    list port {
      key "name";
      leaf name { type string; }
      leaf speed { type uint32; default 1000; units "Mbit/s"; }
      leaf peer { type leafref { path "../../port/name"; } }
    }
    leaf-list dns { type string; ordered-by user; }
    container ntp { presence "it is used"; leaf server { type string; mandatory true; } }
    leaf up { type boolean; config false; }
    anydata more;
  }
  rpc restart { input { leaf when { type string; } } }
})";

struct ConfigTreeTest : testing::Test {
    ConfigTree parse(const std::string& json) const {
        auto tree = ConfigTree::parse(schema, json, ConfigFormat::json);
        EXPECT_TRUE(tree) << tree.error().text();
        return tree ? *std::move(tree) : ConfigTree(schema);
    }
    std::string refused(const std::string& json) const {
        const auto tree = ConfigTree::parse(schema, json, ConfigFormat::json);
        if (tree) return "(parsed)";
        EXPECT_EQ(tree.error().id, "config.unreadable");
        return tree.error().text();
    }
    YangSchema schema = YangSchema::compile({kModule}).value();
};

TEST_F(ConfigTreeTest, WhatIsSetIsReadBackAndPrintedInBothFormats) {
    ConfigTree tree(schema);
    EXPECT_EQ(tree.print(ConfigFormat::json).value_or(""), "{}\n");
    ASSERT_TRUE(tree.set("/net:net/port[name='e0']/speed", "100"));
    ASSERT_TRUE(tree.set("/net:net/hostname", "olt"));
    ASSERT_TRUE(tree.set("/net:net/hostname", "olt-7"));
    EXPECT_EQ(tree.value("/net:net/hostname").value_or(""), "olt-7");
    for (const auto format : {ConfigFormat::json, ConfigFormat::xml}) {
        const auto text = tree.print(format).value_or("");
        const auto again = ConfigTree::parse(schema, text, format);
        ASSERT_TRUE(again) << text;
        EXPECT_EQ(again->value("/net:net/port[name='e0']/speed").value_or(""), "100");
        EXPECT_THAT(tree.changes_to(*again).value(), testing::IsEmpty());
    }
    EXPECT_THAT(tree.print(ConfigFormat::json, "/net:net/port[name='e0']").value_or(""),
                testing::AllOf(HasSubstr("speed"), testing::Not(HasSubstr("hostname"))));
}

TEST_F(ConfigTreeTest, WhatNoModuleKnowsIsRefusedWithThePlace) {
    EXPECT_THAT(refused(R"({"net:net":{"colour":"red"}})"), HasSubstr("colour"));
    EXPECT_THAT(refused(R"({"net:net":{"port":[{"name":"e0","speed":"fast"}]}})"),
                HasSubstr("speed"));
    EXPECT_THAT(refused(R"({"net:net":{"up":true}})"), HasSubstr("up")) << "it is no configuration";
    EXPECT_THAT(refused(R"({"net:net":)"), testing::Not(testing::IsEmpty()));
    ConfigTree tree(schema);
    EXPECT_EQ(tree.set("/net:net/colour", "red").error().id, "config.unreadable");
    EXPECT_EQ(tree.set("/net:net/hostname", "far-too-long").error().id, "config.unreadable");
    EXPECT_EQ(tree.set("no path", "x").error().id, "config.unreadable");
    EXPECT_EQ(tree.print(ConfigFormat::json).value_or(""), "{}\n") << "nothing is half set";
}

TEST_F(ConfigTreeTest, ValidationNamesTheRuleAndThePath) {
    auto dangling = parse(R"({"net:net":{"port":[{"name":"e0","peer":"e9"}]}})");
    const auto invalid = dangling.validate();
    ASSERT_FALSE(invalid);
    EXPECT_EQ(invalid.error().id, "config.invalid");
    EXPECT_THAT(invalid.error().text(), testing::AllOf(HasSubstr("e9"), HasSubstr("peer")));

    auto incomplete = parse(R"({"net:net":{"ntp":{}}})");
    EXPECT_THAT(incomplete.validate().error().text(), HasSubstr("server"));

    auto good = parse(R"({"net:net":{"port":[{"name":"e0"},{"name":"e1","peer":"e0"}]}})");
    ASSERT_TRUE(good.validate());
    EXPECT_EQ(good.value("/net:net/port[name='e0']/speed").value_or(""), "1000") << "a default";
    EXPECT_THAT(good.print(ConfigFormat::json).value_or(""), testing::Not(HasSubstr("speed")));
}

TEST_F(ConfigTreeTest, WhatIsErasedIsGoneWithAllBelowIt) {
    auto tree = parse(R"({"net:net":{"hostname":"a","port":[{"name":"e0"},{"name":"e1"}]}})");
    EXPECT_EQ(tree.erase("/net:net/port[name='e9']").error().id, "config.no_such_path");
    EXPECT_EQ(tree.erase("/net:net/port[name='e0']/name").error().id, "config.unreadable");
    ASSERT_TRUE(tree.erase("/net:net/port[name='e0']"));
    EXPECT_FALSE(tree.value("/net:net/port[name='e0']/name"));
    EXPECT_EQ(tree.value("/net:net/port[name='e1']/name").value_or(""), "e1");
    ASSERT_TRUE(tree.erase("/net:net"));
    EXPECT_EQ(tree.print(ConfigFormat::json).value_or(""), "{}\n");
    EXPECT_EQ(tree.erase("/net:net").error().id, "config.no_such_path");
}

TEST_F(ConfigTreeTest, ADifferenceTellsEachChangeOnce) {
    using Kind = ConfigChange::Kind;
    const auto before = parse(R"({"net:net":{"hostname":"a","dns":["1","2"],
        "port":[{"name":"e0","speed":10},{"name":"e1"}]}})");
    const auto after = parse(R"({"net:net":{"hostname":"b","dns":["2","1"],
        "port":[{"name":"e0","speed":10},{"name":"e2","speed":5}],"ntp":{"server":"s"}}})");
    EXPECT_THAT(before.changes_to(after).value(),
                testing::UnorderedElementsAre(
                    ConfigChange{Kind::changed, "/net:net/hostname", "a", "b"},
                    ConfigChange{Kind::moved, "/net:net/dns[.='2']", "", ""},
                    ConfigChange{Kind::removed, "/net:net/port[name='e1']", "", ""},
                    ConfigChange{Kind::added, "/net:net/port[name='e2']", "", ""},
                    ConfigChange{Kind::added, "/net:net/port[name='e2']/speed", "", "5"},
                    ConfigChange{Kind::added, "/net:net/ntp", "", ""},
                    ConfigChange{Kind::added, "/net:net/ntp/server", "", "s"}));
    EXPECT_THAT(before.changes_to(before.copy()).value(), testing::IsEmpty());
    EXPECT_THAT(ConfigTree(schema).changes_to(ConfigTree(schema)).value(), testing::IsEmpty());
}

TEST_F(ConfigTreeTest, ADifferenceIsFoundAmongManyAndNotInDefaults) {
    std::string ports;
    for (int i = 0; i < 300; ++i)
        ports += std::string(i == 0 ? "" : ",") + R"({"name":"e)" + std::to_string(i) + R"("})";
    const auto before = parse(R"({"net:net":{"port":[)" + ports + "]}}");
    auto after = before.copy();
    ASSERT_TRUE(after.validate());
    EXPECT_THAT(before.changes_to(after).value(), testing::IsEmpty());
    EXPECT_THAT(before.modules_changed_to(after), testing::IsEmpty());
    ASSERT_TRUE(after.set("/net:net/port[name='e150']/speed", "10"));
    ASSERT_TRUE(after.erase("/net:net/port[name='e0']"));
    using Kind = ConfigChange::Kind;
    EXPECT_THAT(before.changes_to(after).value(),
                testing::UnorderedElementsAre(
                    ConfigChange{Kind::removed, "/net:net/port[name='e0']", "", ""},
                    ConfigChange{Kind::added, "/net:net/port[name='e150']/speed", "", "10"}));
    EXPECT_THAT(before.modules_changed_to(after), ElementsAre("net"));
    EXPECT_THAT(before.modules_changed_to(ConfigTree(schema)), ElementsAre("net"));
}

TEST_F(ConfigTreeTest, AMergeTakesWhatIsNewAndKeepsTheRest) {
    auto tree = parse(R"({"net:net":{"hostname":"a","port":[{"name":"e0","speed":10}]}})");
    ASSERT_TRUE(tree.merge(parse(R"({"net:net":{"hostname":"b","port":[{"name":"e1"}]}})")));
    EXPECT_EQ(tree.value("/net:net/hostname").value_or(""), "b");
    EXPECT_EQ(tree.value("/net:net/port[name='e0']/speed").value_or(""), "10");
    EXPECT_TRUE(tree.value("/net:net/port[name='e1']/name"));
    ConfigTree empty(schema);
    ASSERT_TRUE(empty.merge(tree));
    EXPECT_THAT(empty.changes_to(tree).value(), testing::IsEmpty());
}

TEST_F(ConfigTreeTest, ACopyIsOnItsOwn) {
    auto tree = parse(R"({"net:net":{"hostname":"a"}})");
    auto other = tree.copy();
    ASSERT_TRUE(other.set("/net:net/hostname", "b"));
    EXPECT_EQ(tree.value("/net:net/hostname").value_or(""), "a");
    const auto moved = std::move(other);
    EXPECT_EQ(moved.value("/net:net/hostname").value_or(""), "b");
}

TEST_F(ConfigTreeTest, ATreeIsPrintedForPeople) {
    auto tree = parse(R"({"net:net":{"hostname":"a","port":[{"name":"e0","speed":10}],
        "dns":["1"],"ntp":{"server":"s"}}})");
    ASSERT_TRUE(tree.validate());
    EXPECT_EQ(tree.print(ConfigFormat::tree).value_or(""),
              "net:net\n  hostname a\n  port e0\n    speed 10\n  dns 1\n  ntp\n    server s\n");
    EXPECT_EQ(tree.print(ConfigFormat::tree, "/net:net/ntp").value_or(""), "net:ntp\n  server s\n");
    EXPECT_EQ(ConfigTree(schema).print(ConfigFormat::tree).value_or("x"), "");
    const auto read = ConfigTree::parse(schema, "net:net\n", ConfigFormat::tree);
    EXPECT_EQ(read.error().id, "config.unreadable") << "it is not read again";
}

TEST_F(ConfigTreeTest, StateAndCallsAreNoConfiguration) {
    ConfigTree tree(schema);
    EXPECT_THAT(tree.set("/net:net/up", "true").error().text(), HasSubstr("no configuration"));
    EXPECT_EQ(tree.set("/net:restart/when", "now").error().id, "config.unreadable");
    EXPECT_EQ(tree.set("/net:restart", "").error().id, "config.unreadable");
    EXPECT_EQ(tree.print(ConfigFormat::json).value_or(""), "{}\n");
    EXPECT_EQ(tree.set("/net:net/hostname", std::string("a\0b", 3)).error().id,
              "config.unreadable");
    EXPECT_EQ(tree.set("/net:net/hostname", "a\xc1").error().id, "config.unreadable");
    EXPECT_FALSE(ConfigTree::parse(schema, "<net xmlns=\"urn:net\"><dns>a\xc1</dns></net>",
                                   ConfigFormat::xml))
        << "it could not be written as JSON";
    EXPECT_EQ(tree.set(std::string(5000, '/'), "a").error().id, "config.no_such_path");
}

TEST_F(ConfigTreeTest, WhatASchemaLeavesOpenIsChangedNotMoved) {
    const auto before = parse(R"({"net:net":{"more":{"x":1}}})");
    const auto after = parse(R"({"net:net":{"more":{"x":2}}})");
    const auto changes = before.changes_to(after).value();
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].kind, ConfigChange::Kind::changed);
    EXPECT_EQ(changes[0].path, "/net:net/more");
}

TEST_F(ConfigTreeTest, DepthIsBoundedBeforeAnythingRecurses) {
    constexpr int kLevels = 200'000;
    std::string xml = "<net xmlns=\"urn:net\"><more>";
    for (int i = 0; i < kLevels; ++i) xml += "<a>";
    const auto deep = ConfigTree::parse(schema, xml, ConfigFormat::xml);
    EXPECT_THAT(deep.error().text(), HasSubstr("deeper"));
    EXPECT_THAT(refused(R"({"net:net":{"more":)" + std::string(kLevels, '[')), HasSubstr("deeper"));
    EXPECT_TRUE(ConfigTree::parse(schema,
                                  "<?xml version=\"1.0\"?><!-- <<<< --><net xmlns=\"urn:net\">"
                                  "<hostname><![CDATA[<<<]]></hostname></net>",
                                  ConfigFormat::xml));
}

// libyang keeps reasons by thread: none is given to another, and none is left for the next.
TEST_F(ConfigTreeTest, ThreadsShareASchemaAndGetTheirOwnReasons) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([this, i] {
            const auto peer = "e" + std::to_string(i + 1);
            for (int round = 0; round < 50; ++round) {
                auto tree =
                    parse(R"({"net:net":{"port":[{"name":"e0","peer":")" + peer + R"("}]}})");
                EXPECT_THAT(tree.validate().error().text(), HasSubstr(peer + "\""));
                EXPECT_FALSE(tree.value("/net:net/none"));
                EXPECT_THAT(tree.print(ConfigFormat::json).value_or(""), HasSubstr(peer));
            }
        });
}

}  // namespace
}  // namespace cutover
