// Modules as the IETF published them, from Debian's package libyuma-base (packaging/
// apt-packages.txt), which has ietf-interfaces and ietf-ip in two revisions; and a configuration of
// a size that routers have.

#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_tree.h"
#include "config/data_upgrade.h"
#include "config/yang_schema.h"

namespace cutover {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kModules = "/usr/share/yuma/modules/ietf";
const std::filesystem::path kNewer = "/usr/share/yuma/nmda-modules/ietf";

std::string read(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    EXPECT_TRUE(stream) << file << " is missing: apt-get install libyuma-base";
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> common() {
    std::vector<std::string> texts;
    for (const char* name : {"iana-crypt-hash@2014-08-06", "iana-if-type@2014-05-08",
                             "ietf-system@2014-08-06", "ietf-netconf-acm@2018-02-14",
                             "ietf-inet-types@2013-07-15", "ietf-yang-types@2013-07-15"})
        texts.push_back(read(kModules / (std::string(name) + ".yang")));
    return texts;
}

YangSchema of_2014() {
    auto texts = common();
    texts.push_back(read(kModules / "ietf-interfaces@2014-05-08.yang"));
    texts.push_back(read(kModules / "ietf-ip@2014-06-16.yang"));
    auto schema = YangSchema::compile(texts);
    EXPECT_TRUE(schema) << schema.error().text();
    return schema.value();
}

YangSchema of_2018() {
    auto texts = common();
    texts.push_back(read(kNewer / "ietf-interfaces@2018-02-20.yang"));
    texts.push_back(read(kNewer / "ietf-ip@2018-02-22.yang"));
    auto schema = YangSchema::compile(texts);
    EXPECT_TRUE(schema) << schema.error().text();
    return schema.value();
}

std::string interfaces(int count) {
    std::string json = R"({"ietf-system:system":{"hostname":"router","ntp":{"server":[
        {"name":"a","udp":{"address":"192.0.2.1"}}]},"radius":{"server":[{"name":"r",
        "udp":{"address":"2001:db8::1","shared-secret":"s"}}]}},
        "ietf-netconf-acm:nacm":{"groups":{"group":[{"name":"admin","user-name":["alice"]}]}},
        "ietf-interfaces:interfaces":{"interface":[)";
    for (int i = 0; i < count; ++i)
        json += fmt::format(
            R"({}{{"name":"eth{}","description":"customer {}","type":"iana-if-type:ethernetCsmacd",
            "enabled":true,"ietf-ip:ipv4":{{"forwarding":true,"mtu":1500,"address":[
            {{"ip":"10.{}.{}.1","prefix-length":24}},
            {{"ip":"10.{}.{}.1","netmask":"255.255.255.0"}}]}},
            "ietf-ip:ipv6":{{"address":[{{"ip":"2001:db8:{:x}::1","prefix-length":64}}],
            "neighbor":[{{"ip":"fe80::{:x}","link-layer-address":"00:00:5e:00:53:01"}}]}}}})",
            i > 0 ? "," : "", i, i, i / 256, i % 256, 64 + i / 256, i % 256, i, i + 1);
    return json + "]}}";
}

TEST(RealModelsTest, AnOldRoutersConfigurationIsThatOfItsNewModules) {
    const auto from = of_2014();
    const auto to = of_2018();
    const auto data = interfaces(500);
    const auto upgraded = upgrade_data({.from = from, .data = data, .to = to});
    ASSERT_TRUE(upgraded) << upgraded.error().text();
    EXPECT_THAT(upgraded->lost, IsEmpty());
    EXPECT_THAT(upgraded->invalid, IsEmpty())
        << upgraded->invalid.front().path << ": " << upgraded->invalid.front().why;
    auto before = ConfigTree::parse(to, data, ConfigFormat::json);
    const auto after = ConfigTree::parse(to, upgraded->data, ConfigFormat::json);
    ASSERT_TRUE(before && after);
    EXPECT_THAT(before->changes_to(*after).value(), IsEmpty()) << "nothing is another";
    EXPECT_TRUE(before->validate());
    EXPECT_EQ(before
                  ->value("/ietf-interfaces:interfaces/interface[name='eth7']/ietf-ip:ipv4/"
                          "address[ip='10.0.7.1']/prefix-length")
                  .value_or(""),
              "24")
        << "features are on, also of modules that others import";
}

TEST(RealModelsTest, AugmentsOfOtherModulesAreMigratedToo) {
    const auto from = of_2014();
    const auto to = of_2018();
    const MigrationFile file{
        .module = "ietf-ip",
        .from = "2014-06-16",
        .to = "2018-02-22",
        .text = R"({"module":"ietf-ip","from":"2014-06-16","to":"2018-02-22","steps":[
            {"remove":"/ietf-interfaces:interfaces/interface/ietf-ip:ipv6/neighbor"},
            {"map":"/ietf-interfaces:interfaces/interface/ietf-ip:ipv4/mtu",
             "values":[[1500,9000]]}]})"};
    const auto upgraded =
        upgrade_data({.from = from, .data = interfaces(300), .to = to, .migrations = {file}});
    ASSERT_TRUE(upgraded) << upgraded.error().text();
    EXPECT_TRUE(upgraded->usable());
    EXPECT_EQ(upgraded->migrations.front().changed, 600U);
    EXPECT_THAT(
        upgraded->changes,
        Contains(DataChange{DataChange::Kind::changed,
                            "/ietf-interfaces:interfaces/interface[name='eth3']/ietf-ip:ipv4/mtu",
                            "/ietf-interfaces:interfaces/interface[name='eth3']/ietf-ip:ipv4/mtu",
                            "1500", "9000"}));
}

TEST(RealModelsTest, WithoutAPackagesModuleItsDataAreNamed) {
    auto texts = common();
    texts.push_back(read(kNewer / "ietf-interfaces@2018-02-20.yang"));
    const auto without_ip = YangSchema::compile(texts);
    ASSERT_TRUE(without_ip) << without_ip.error().text();
    const auto upgraded =
        upgrade_data({.from = of_2014(), .data = interfaces(200), .to = *without_ip});
    ASSERT_TRUE(upgraded) << upgraded.error().text();
    EXPECT_TRUE(upgraded->usable());
    EXPECT_THAT(upgraded->lost,
                Contains(LostData{"/ietf-interfaces:interfaces/interface[name='eth5']/"
                                  "ietf-ip:ipv4/address[ip='10.64.5.1']/netmask",
                                  "255.255.255.0", "module ietf-ip is gone"}));
    EXPECT_EQ(upgraded->lost.size() + upgraded->lost_untold, 200U * 12);
    EXPECT_THAT(upgraded->data, testing::Not(HasSubstr("ietf-ip")));
}

// All that the package has and that goes together compiles, in any order.
TEST(RealModelsTest, ModulesThatImportAndAugmentEachOtherCompile) {
    std::vector<std::string> texts;
    for (const auto& entry : std::filesystem::directory_iterator(kModules)) {
        if (entry.path().extension() == ".yang") texts.push_back(read(entry.path()));
    }
    const auto schema = YangSchema::compile(texts);
    ASSERT_TRUE(schema) << schema.error().text();
    EXPECT_THAT(schema->modules(), Contains(Field(&YangModuleName::name, "ietf-routing")));
}

}  // namespace
}  // namespace cutover
