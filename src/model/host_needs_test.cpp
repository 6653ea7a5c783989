#include "model/host_needs.h"

#include <string>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/package_spec.h"
#include "model/version.h"

namespace cutover {
namespace {

constexpr auto kSpec = R"([package]
kind = "base"
name = "nos"
version = "1.1.0"
{}
)";

constexpr auto kHost = R"([host]
os = {debian = ">=12", ubuntu = "*"}
kernel = ">=5.10"
libraries = {"libssl.so.3" = ">=3.0.11", "libc.so.6" = ">=2.36"}
keys = ["AES256CFB128"]
algorithms = ["sha256", "aes-256-cfb"]
)";

Manifest with(HostNeeds needs) {
    Manifest manifest;
    manifest.kind = PackageKind::feature;
    manifest.name = "bgp";
    manifest.version = Version::parse("1.0").value();
    manifest.created = "2026-01-01T00:00:00Z";
    manifest.host = std::move(needs);
    return manifest;
}

HostNeeds read(const std::string& host) {
    const auto spec = parse_package_spec(fmt::format(kSpec, host));
    EXPECT_TRUE(spec) << spec.error().text();
    return spec ? spec->manifest.host : HostNeeds{};
}

TEST(HostNeeds, AreReadFromPackageToml) {
    const auto needs = read(kHost);
    EXPECT_EQ(needs.os.at("debian").text(), ">=12");
    EXPECT_TRUE(needs.os.at("ubuntu").any());
    EXPECT_EQ(needs.kernel.text(), ">=5.10");
    EXPECT_EQ(needs.libraries.at("libssl.so.3").text(), ">=3.0.11");
    EXPECT_EQ(needs.keys, (std::vector<std::string>{"AES256CFB128"}));
    EXPECT_EQ(needs.algorithms, (std::vector<std::string>{"sha256", "aes-256-cfb"}));
    EXPECT_TRUE(validate(needs));
}

TEST(HostNeeds, ComeBackFromTheManifestAsTheyWere) {
    const auto manifest = with(read(kHost));
    const auto parsed = parse_manifest(to_json(manifest));
    ASSERT_TRUE(parsed) << parsed.error().text();
    EXPECT_EQ(*parsed, manifest);
    for (const auto* const one : {"kernel = \"*\"", "keys = [\"k\"]", "os = {debian = \"*\"}"}) {
        const auto alone = with(read(fmt::format("[host]\n{}", one)));
        const auto again = parse_manifest(to_json(alone));
        ASSERT_TRUE(again) << one << again.error().text();
        EXPECT_EQ(*again, alone) << one;
    }
}

TEST(HostNeeds, APackageWithoutThemHasTheManifestItAlwaysHad) {
    EXPECT_EQ(to_json(with({})).find("\"host\""), std::string::npos);
    // There is one way to write a manifest down.
    auto text = to_json(with(read("[host]\nkeys = [\"k\"]")));
    const auto at = text.find("[\"k\"]");
    ASSERT_NE(at, std::string::npos);
    text.replace(at, 5, "[]");
    EXPECT_FALSE(parse_manifest(text)) << "an empty table is left out";
}

TEST(HostNeeds, NamesThatCouldLeadElsewhereAreRefused) {
    for (const auto* const key : {"", "../secret", "a/b", ".hidden", "a b", "a\nb", "-rf", "ö"}) {
        EXPECT_FALSE(is_key_name(key)) << key;
        EXPECT_FALSE(validate(HostNeeds{.keys = {key}})) << key;
    }
    EXPECT_FALSE(validate(HostNeeds{.keys = {std::string(65, 'k')}}));
    for (const auto* const soname : {"", "../libssl.so.3", "libssl", "/lib/libc.so.6", "a.so\n"})
        EXPECT_FALSE(validate(HostNeeds{.libraries = {{soname, {}}}})) << soname;
    for (const auto* const id : {"", "de bian", "../x"})
        EXPECT_FALSE(validate(HostNeeds{.os = {{id, {}}}})) << id;
    for (const auto* const algorithm : {"", "sha 256", "sha256\n", "?fips=yes"})
        EXPECT_FALSE(validate(HostNeeds{.algorithms = {algorithm}})) << algorithm;
}

TEST(HostNeeds, AreBounded) {
    HostNeeds needs;
    for (int i = 0; i < 65; ++i) needs.keys.push_back(fmt::format("key{}", i));
    EXPECT_FALSE(validate(needs));
    EXPECT_FALSE(parse_manifest(to_json(with(needs))));
    needs.keys.pop_back();
    EXPECT_TRUE(validate(needs));
    EXPECT_TRUE(parse_manifest(to_json(with(needs))));
}

TEST(HostNeeds, AMisspeltKeyNamesTheNearest) {
    const auto spec = parse_package_spec(fmt::format(kSpec, "[host]\nlibrary = {}"));
    ASSERT_FALSE(spec);
    EXPECT_NE(spec.error().text().find("libraries"), std::string::npos) << spec.error().text();
    EXPECT_FALSE(parse_package_spec(fmt::format(kSpec, "[host.os]\ndebian = \"twelve\"")));
}

}  // namespace
}  // namespace cutover
