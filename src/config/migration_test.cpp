#include "config/migration.h"

#include <nlohmann/json.hpp>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_document.h"

namespace cutover {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

std::string file(const std::string& steps) {
    return R"({"module":"net","from":"2025-01-01","to":"2026-01-01","steps":[)" + steps + "]}";
}

ConfigDocument document(const std::string& data) {
    return ConfigDocument::parse(R"({"net:net":)" + data + "}").value();
}

Json run(const Migration& migration, const std::string& data) {
    auto changed = document(data);
    const auto done = migrate(migration, changed);
    return done ? Json::parse(changed.write()).at("net:net") : Json(done.error().text());
}

// Of {"net:net": data}; what is wrong in its place.
Json migrated(const std::string& steps, const std::string& data) {
    const auto migration = parse_migration(file(steps));
    if (!migration) return migration.error().text();
    return run(*migration, data);
}

// What the steps in reverse make of data.
Json back(const std::string& steps, const std::string& data) {
    const auto migration = parse_migration(file(steps));
    if (!migration) return migration.error().text();
    const auto reverse = reversed(*migration);
    if (!reverse) return reverse.error().text();
    return run(*reverse, data);
}

Json json(const std::string& text) { return Json::parse(text); }

TEST(MigrationTest, ANodeIsRenamedInEveryEntry) {
    EXPECT_EQ(migrated(R"({"rename":"/net:net/port/rate","to":"speed"})",
                       R"({"port":[{"name":"a","rate":1},{"name":"b"},{"name":"c","rate":3}]})"),
              json(R"({"port":[{"name":"a","speed":1},{"name":"b"},{"name":"c","speed":3}]})"));
}

TEST(MigrationTest, ANodeMovesWithinItsEntry) {
    EXPECT_EQ(migrated(R"({"move":"/net:net/port/mtu","to":"/net:net/port/link/mtu"})",
                       R"({"port":[{"mtu":9},{"name":"b"},{"mtu":7,"link":{"up":true}}]})"),
              json(R"({"port":[{"link":{"mtu":9}},{"name":"b"},{"link":{"up":true,"mtu":7}}]})"));
    EXPECT_EQ(
        migrated(R"({"move":"/net:net/a/list","to":"/net:net/b/list"})", R"({"a":{"list":[1,2]}})"),
        json(R"({"a":{},"b":{"list":[1,2]}})"));
}

TEST(MigrationTest, DefaultsAndValuesAreWrittenOnlyWhereTheyBelong) {
    EXPECT_EQ(migrated(R"({"default":"/net:net/port/duplex","value":"full"})",
                       R"({"port":[{"duplex":"half"},{}]})"),
              json(R"({"port":[{"duplex":"half"},{"duplex":"full"}]})"));
    EXPECT_EQ(
        migrated(R"({"map":"/net:net/port/mode","values":[["old",2],[true,"on"]]})",
                 R"({"port":[{"mode":"old"},{"mode":true},{"mode":"kept"},{"mode":["old",1]}]})"),
        json(R"({"port":[{"mode":2},{"mode":"on"},{"mode":"kept"},{"mode":[2,1]}]})"));
}

TEST(MigrationTest, TextIsSplitAndMerged) {
    EXPECT_EQ(migrated(R"({"split":"/net:net/ip","separator":"/","into":["address","length"]})",
                       R"({"ip":"192.0.2.1/24"})"),
              json(R"({"address":"192.0.2.1","length":"24"})"));
    EXPECT_EQ(migrated(R"({"split":"/net:net/ip","separator":"/","into":["address","length"]})",
                       R"({"ip":"192.0.2.1"})"),
              json(R"({"address":"192.0.2.1"})"));
    EXPECT_EQ(migrated(R"({"merge":"/net:net","from":["address","length"],"separator":"/",
                           "into":"ip"})",
                       R"({"address":"192.0.2.1","length":24})"),
              json(R"({"ip":"192.0.2.1/24"})"));
}

TEST(MigrationTest, WhatIsRemovedIsCounted) {
    const auto migration = parse_migration(file(R"({"remove":"/net:net/port/old"})"));
    auto data = document(R"({"port":[{"old":1},{"old":2},{}]})");
    EXPECT_EQ(migrate(*migration, data)->changed, 2U);
    EXPECT_EQ(data.write(), R"({"net:net":{"port":[{},{},{}]}})");
}

TEST(MigrationTest, NothingIsOverwrittenAndTheStepIsNamed) {
    const auto clash =
        migrated(R"({"remove":"/net:net/x"},{"rename":"/net:net/a","to":"b"})", R"({"a":1,"b":2})");
    EXPECT_THAT(clash.get<std::string>(),
                testing::AllOf(HasSubstr("step 2 from net 2025-01-01 to 2026-01-01"),
                               HasSubstr("net:b is there already")));
    EXPECT_THAT(migrated(R"({"move":"/net:net/a","to":"/net:net/b"})", R"({"a":1,"b":2})")
                    .get<std::string>(),
                HasSubstr("is there already"));
    EXPECT_THAT(migrated(R"({"move":"/net:net/a/x","to":"/net:net/y"})", R"({"a":[{"x":1}]})")
                    .get<std::string>(),
                HasSubstr("through a list"));
}

TEST(MigrationTest, AFileThatIsWrongIsRefusedWithTheStep) {
    for (const auto& [steps, what] : std::vector<std::pair<std::string, std::string>>{
             {R"({"renmae":"/net:net/a","to":"b"})", "none of rename"},
             {R"({"rename":"net/a","to":"b"})", "is no path like"},
             {R"({"rename":"/net:net//a","to":"b"})", "is no path like"},
             {R"({"rename":"/net:net/a"})", "\"to\" must be a text"},
             {R"({"default":"/net:net/a"})", "\"value\" is missing"},
             {R"({"map":"/net:net/a","values":[["x"]]})", "is no pair"},
             {R"({"split":"/net:net/a","separator":"","into":["x","y"]})", "separator"},
             {R"({"split":"/net:net/a","separator":"/","into":["x"]})", "two names"},
             {"7", "a step is an object"}}) {
        const auto refused = parse_migration(file(steps));
        ASSERT_FALSE(refused) << steps;
        EXPECT_EQ(refused.error().id, "config.migration");
        EXPECT_THAT(refused.error().text(), testing::AllOf(HasSubstr("step 1"), HasSubstr(what)));
    }
    EXPECT_FALSE(parse_migration("[]"));
    EXPECT_FALSE(parse_migration("{"));
    EXPECT_FALSE(parse_migration(R"({"module":"net","from":"a","to":"b"})"));
}

TEST(MigrationTest, NodesOfOtherModulesKeepTheirNames) {
    EXPECT_EQ(migrated(R"({"rename":"/net:net/ext:speed","to":"rate"})", R"({"ext:speed":1})"),
              json(R"({"ext:rate":1})"));
    EXPECT_EQ(migrated(R"({"rename":"/net:net/ext:speed","to":"net:rate"})", R"({"ext:speed":1})"),
              json(R"({"rate":1})"));
    EXPECT_EQ(
        migrated(R"({"move":"/net:net/ext:a/x","to":"/net:net/ext:x"})", R"({"ext:a":{"x":1}})"),
        json(R"({"ext:a":{},"ext:x":1})"))
        << "x is of ext, as what it was in";
    EXPECT_EQ(migrated(R"({"rename":"/net:net/net:port/net:a","to":"b"})",
                       R"({"net:port":[{"net:a":1}]})"),
              json(R"({"port":[{"b":1}]})"))
        << "a module that goes without saying may be said";
    EXPECT_EQ(migrated(R"({"default":"/net:net/ext:a","value":{"x":1,"net:y":2}})", "{}"),
              json(R"({"ext:a":{"x":1,"net:y":2}})"));
}

TEST(MigrationTest, EachStepHasItsReverse) {
    EXPECT_EQ(back(R"({"rename":"/net:net/port/rate","to":"speed"})", R"({"port":[{"speed":1}]})"),
              json(R"({"port":[{"rate":1}]})"));
    EXPECT_EQ(back(R"({"move":"/net:net/a/x","to":"/net:net/b/y"})", R"({"b":{"y":1}})"),
              json(R"({"a":{"x":1},"b":{}})"));
    const std::string made = R"({"default":"/net:net/a","value":"auto"})";
    EXPECT_EQ(back(made, R"({"a":"auto"})"), json("{}"));
    EXPECT_EQ(back(made, R"({"a":"fast"})"), json(R"({"a":"fast"})"));
    EXPECT_EQ(back(R"({"map":"/net:net/a","values":[["old",2]]})", R"({"a":2})"),
              json(R"({"a":"old"})"));
    const std::string split =
        R"({"split":"/net:net/ip","separator":"/","into":["address","length"]})";
    EXPECT_EQ(back(split, R"({"address":"192.0.2.1","length":24})"),
              json(R"({"ip":"192.0.2.1/24"})"));
    const std::string merge =
        R"({"merge":"/net:net","from":["address","length"],"separator":"/","into":"ip"})";
    EXPECT_EQ(back(merge, R"({"ip":"192.0.2.1/24"})"),
              json(R"({"address":"192.0.2.1","length":"24"})"));
    EXPECT_EQ(
        back(R"({"rename":"/net:net/a","to":"b"},{"rename":"/net:net/b","to":"c"})", R"({"c":1})"),
        json(R"({"a":1})"))
        << "the last step is undone first";
}

TEST(MigrationTest, AValueThatSeveralBecameIsToldWhenGoingBack) {
    const auto migration =
        parse_migration(file(R"({"map":"/net:net/a","values":[["x",1],["y",1],["z",2]]})"));
    auto data = document(R"({"a":1})");
    auto copy = data.copy();
    const auto done = migrate(*reversed(*migration), copy);
    ASSERT_TRUE(done);
    ASSERT_EQ(done->dropped.size(), 1U);
    EXPECT_THAT(done->dropped[0].why, HasSubstr("several values became \"1\""));
    EXPECT_EQ(copy.write(), R"({"net:net":{}})");
}

TEST(MigrationTest, AFileMaySayItselfHowToGoBackOrThatThereIsNoWay) {
    const auto with = [](const std::string& reverse) {
        return parse_migration(R"({"module":"net","from":"2025-01-01","to":"none","steps":
            [{"remove":"/net:net/a"}],"reverse":)" +
                               reverse + "}");
    };
    const auto listed = with(R"([{"default":"/net:net/a","value":7}])");
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->to, "") << "no revision";
    EXPECT_EQ(run(*reversed(*listed), "{}"), json(R"({"a":7})"));
    EXPECT_THAT(reversed(*with("false")).error().text(), HasSubstr("no way back"));
    EXPECT_TRUE(reversed(*with("true")));
    EXPECT_THAT(with(R"([{"sort":1}])").error().text(), HasSubstr("in reverse"));
    EXPECT_FALSE(with("7"));
}

TEST(MigrationTest, DepthIsBoundedBeforeAnythingRecurses) {
    const std::string deep(200'000, '[');
    EXPECT_THAT(parse_migration(file(R"({"rename":)" + deep)).error().text(), HasSubstr("deeper"));
    EXPECT_FALSE(ConfigDocument::parse(R"({"a:b":)" + deep));
    EXPECT_FALSE(ConfigDocument::parse("[]"));
    EXPECT_FALSE(ConfigDocument::parse("7"));
    for (const char* name : {"", ":", "a:", ":b", "a:b:c"})
        EXPECT_FALSE(ConfigDocument::parse(std::string("{\"") + name + "\":1}")) << name;
    EXPECT_FALSE(ConfigDocument::parse(R"({"a:b":{"x":1,"a:x":2}})")) << "the same name twice";
}

}  // namespace
}  // namespace cutover
