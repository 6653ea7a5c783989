#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_tree.h"
#include "config/data_upgrade.h"
#include "config/yang_schema.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

const std::string kOther = R"(module other { yang-version 1.1; namespace "urn:o"; prefix o;
    container top { leaf-list word { type string; } } })";
const std::string kModule = R"(module net { yang-version 1.1; namespace "urn:n"; prefix n;
  import other { prefix oth; }
  typedef near { type leafref { path "../value"; } }
  container net {
    list group { key name; leaf name { type string; }
      list item { key id; leaf id { type uint8; } leaf value { type uint8; }
        leaf same { type near; }
        leaf beside { type leafref { path "../../item/value"; } }
        leaf anywhere { type leafref { path "/n:net/n:group/n:item/n:value"; } }
        leaf loose { type leafref { path "../value"; require-instance false; } }
        leaf either { type union { type near; type enumeration { enum none; } } }
        leaf key { type leafref { path "../../item/id"; } }
        leaf way { type leafref { path "../../item[id=current()/../key]/value"; } }
      } }
    leaf word { type leafref { path "/oth:top/oth:word"; } }
  } })";

struct ReferencesTest : testing::Test {
    // The first that is wrong; empty: none.
    std::string wrong(const std::string& json) const {
        auto tree = ConfigTree::parse(schema, json, ConfigFormat::json);
        EXPECT_TRUE(tree) << tree.error().text();
        if (!tree) return "(unreadable)";
        const auto valid = tree->validate();
        if (valid) return {};
        EXPECT_EQ(valid.error().id, "config.invalid");
        return valid.error().text();
    }
    std::string item(const std::string& more) const {
        return wrong(R"({"net:net":{"group":[{"name":"a","item":[{"id":1,"value":10},
            {"id":2,"value":20)" +
                     more + R"(}]},{"name":"b","item":[{"id":1,"value":30}]}]}})");
    }
    YangSchema schema = YangSchema::compile({kModule, kOther}).value();
};

TEST_F(ReferencesTest, EachIsLookedForWhereItsPathLeads) {
    EXPECT_EQ(item(R"(,"beside":10)"), "");
    EXPECT_EQ(item(R"(,"anywhere":30)"), "");
    EXPECT_THAT(item(R"(,"beside":30)"),
                testing::AllOf(HasSubstr("\"30\" - no target instance \"../../item/value\""),
                               HasSubstr("(/net:net/group[name='a']/item[id='2']/beside)")))
        << "that of another group is not meant";
    EXPECT_THAT(item(R"(,"anywhere":40)"), HasSubstr("anywhere"));
    EXPECT_EQ(wrong(R"({"net:net":{"word":"x"},"other:top":{"word":["x"]}})"), "");
    EXPECT_THAT(wrong(R"({"net:net":{"word":"y"},"other:top":{"word":["x"]}})"), HasSubstr("word"));
    EXPECT_THAT(wrong(R"({"net:net":{"word":"y"}})"), HasSubstr("word"));
}

TEST_F(ReferencesTest, ThoseThatStayLibyangsAreLookedAtToo) {
    EXPECT_EQ(item(R"(,"loose":99)"), "");
    EXPECT_EQ(item(R"(,"same":20)"), "");
    EXPECT_THAT(item(R"(,"same":10)"), HasSubstr("same"));
    EXPECT_EQ(item(R"(,"either":20)"), "");
    EXPECT_NE(item(R"(,"either":10)"), "") << "a type that is also in a union";
    EXPECT_THAT(item(R"(,"key":9)"), HasSubstr("key"));
    EXPECT_EQ(item(R"(,"key":1,"way":10)"), "");
    EXPECT_NE(item(R"(,"key":1,"way":20)"), "");
}

TEST_F(ReferencesTest, AnUpgradeNamesThemBesideOtherRules) {
    const auto result = upgrade_data(
        {.from = schema,
         .data = R"({"net:net":{"group":[{"name":"a","item":[{"id":1,"value":1,"beside":2},
             {"id":2,"key":7}]}],"word":"y"}})",
         .to = schema});
    ASSERT_TRUE(result);
    EXPECT_THAT(result->invalid,
                testing::UnorderedElementsAre(
                    Field(&InvalidData::path, "/net:net/group[name='a']/item[id='1']/beside"),
                    Field(&InvalidData::path, "/net:net/group[name='a']/item[id='2']/key"),
                    Field(&InvalidData::path, "/net:net/word")));
}

// 40,000 would take libyang more than ten minutes.
TEST_F(ReferencesTest, VeryManyTakeNoSquareTime) {
    std::string json = R"({"net:net":{"group":[)";
    for (int i = 0; i < 40'000; ++i)
        json += fmt::format(R"({}{{"name":"{}","item":[{{"id":1,"value":{},"anywhere":{}}}]}})",
                            i > 0 ? "," : "", i, i % 200, (i + 7) % 200);
    EXPECT_EQ(wrong(json + "]}}"), "");
}

}  // namespace
}  // namespace cutover
