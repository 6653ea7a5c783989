#include "config/yang_schema.h"

#include <string>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_tree.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kPlain = R"(module plain {
  yang-version 1.1; namespace "urn:plain"; prefix p;
  revision 2026-01-02; leaf name { type string; }
})";
const std::string kUser = R"(
// one that comes before what it needs
/* and has
   comments */
module "a-user" {
  yang-version 1.1; namespace "urn:user"; prefix u;
  import types { prefix t; }
  import ietf-inet-types { prefix inet; }
  include a-user-part;
  leaf port { type t:odd; } leaf address { type inet:ip-address; }
})";
const std::string kPart = R"(submodule a-user-part {
  yang-version 1.1; belongs-to a-user { prefix u; }
  leaf extra { type string; }
})";
const std::string kTypes = R"(module types {
  yang-version 1.1; namespace "urn:types"; prefix t;
  typedef odd { type uint16 { range "1 | 3 | 5"; } }
})";

std::string refused(const std::vector<std::string>& modules) {
    const auto schema = YangSchema::compile(modules);
    if (schema) return "(compiled)";
    EXPECT_EQ(schema.error().id, "config.module");
    return schema.error().text();
}

TEST(YangSchemaTest, ModulesFindWhatTheyImportAmongTheOthers) {
    const auto schema = YangSchema::compile({kUser, kPlain, kTypes, kPart});
    ASSERT_TRUE(schema) << schema.error().text();
    EXPECT_THAT(schema->modules(),
                ElementsAre(YangModuleName{.name = "a-user", .revision = ""},
                            YangModuleName{.name = "plain", .revision = "2026-01-02"},
                            YangModuleName{.name = "types", .revision = ""}));
}

TEST(YangSchemaTest, NoModuleAtAllIsAnEmptySchema) {
    const auto schema = YangSchema::compile({});
    ASSERT_TRUE(schema);
    EXPECT_THAT(schema->modules(), testing::IsEmpty());
}

TEST(YangSchemaTest, WhatIsMissingOrWrongIsNamed) {
    EXPECT_THAT(refused({kUser, kPart}), HasSubstr("types"));
    EXPECT_THAT(refused({kUser, kTypes}), HasSubstr("a-user-part"));
    EXPECT_THAT(refused({"module broken {\n  leaf x { type no-such-type; }\n}"}),
                HasSubstr("broken"));
    EXPECT_THAT(refused({kPlain, kPlain}), HasSubstr("two modules plain"));
    EXPECT_THAT(refused({"{ \"json\": 1 }"}), HasSubstr("{ \"json\": 1 }"));
    EXPECT_THAT(refused({""}), HasSubstr("how a module begins"));
    EXPECT_THAT(refused({std::string("module x {\0}", 12)}), HasSubstr("a module is text"));
}

// Nothing of the machine that compiles may decide what a device accepts.
TEST(YangSchemaTest, FoldersOfTheMachineAreNotLookedThrough) {
    EXPECT_THAT(refused({R"(module seeker { namespace "urn:s"; prefix s;
        import ietf-yang-library { prefix y; } })"}),
                HasSubstr("ietf-yang-library"));
}

// One that is made to hold data by what augments it has its features as well.
TEST(YangSchemaTest, AllFeaturesAreOnInAnyOrderOfNames) {
    const std::string base = R"(module base { yang-version 1.1; namespace "urn:b"; prefix b;
        feature extra; container c { leaf x { if-feature extra; type string; } } })";
    for (const char* name : {"a-first", "z-last"}) {
        const auto schema = YangSchema::compile(
            {base, fmt::format(R"(module {} {{ yang-version 1.1; namespace "urn:o"; prefix o;
                import base {{ prefix b; }} augment "/b:c" {{ leaf y {{ type string; }} }} }})",
                               name)});
        ASSERT_TRUE(schema) << schema.error().text();
        const auto text = fmt::format(R"({{"base:c":{{"x":"1","{}:y":"2"}}}})", name);
        const auto tree = ConfigTree::parse(*schema, text, ConfigFormat::json);
        EXPECT_TRUE(tree) << tree.error().text();
    }
}

}  // namespace
}  // namespace cutover
