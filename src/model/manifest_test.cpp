#include "model/manifest.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/package_kind.h"
#include "model/version.h"

namespace cutover {
namespace {

MemberSpec member_spec(const std::string& name, std::uint64_t size) {
    return {.name = name, .size_bytes = size, .sha256 = std::string(64, 'a')};
}

Manifest whole() {
    Manifest manifest;
    manifest.name = "nos";
    manifest.version = Version::parse("1.1.0").value();
    manifest.summary = "Routeur d'accès";
    manifest.epoch = 3;
    manifest.created = "2026-01-01T00:00:00Z";
    manifest.payload = {.type = PayloadType::tree,
                        .content_bytes = 100'000,
                        .installed_bytes = 120'000,
                        .chunk_count = 2};
    manifest.compatible.hardware = {"emulated"};
    manifest.compatible.from = VersionRange::parse(">=1.0  <2.0").value();
    manifest.needs["bgp"] = VersionRange::parse(">=8.4").value();
    manifest.provides["routing"] = Version::parse("2.0").value();
    manifest.includes = {{.name = "bgp", .version = Version::parse("8.4").value()}};
    manifest.services = {{.name = "web",
                          .command = {"bin/web"},
                          .environment = {{"A", "b"}},
                          .listen = {"tcp:127.0.0.1:8080"}}};
    manifest.health = {{.name = "web answers", .tcp = "127.0.0.1:8080"}};
    manifest.programs = {"ip"};
    manifest.persist = {"etc/nos.conf"};
    manifest.hooks = {{"preinstall", "hooks/stop.sh"}};
    manifest.members = {member_spec("chunks.idx", 200), member_spec("hooks/stop.sh", 10),
                        member_spec("payload", 5000)};
    return manifest;
}

TEST(ManifestText, ComesBackAsItWas) {
    const auto text = to_json(whole());
    const auto parsed = parse_manifest(text);
    ASSERT_TRUE(parsed) << parsed.error().text();
    EXPECT_EQ(*parsed, whole());
    EXPECT_EQ(to_json(*parsed), text);
}

std::string id_of(const std::string& text) {
    const auto parsed = parse_manifest(text);
    return parsed ? "" : parsed.error().id;
}

std::string replaced(std::string text, const std::string& old, const std::string& with) {
    const auto at = text.find(old);
    EXPECT_NE(at, std::string::npos) << old;
    return text.replace(at, old.size(), with);
}

TEST(ManifestText, AnotherWayToWriteTheSameIsRefused) {
    const auto text = to_json(whole());
    EXPECT_EQ(id_of(text + "\n"), "manifest.not_canonical");
    EXPECT_EQ(id_of(text.substr(0, text.size() - 1)), "manifest.not_canonical");
    EXPECT_EQ(id_of(replaced(text, "\"epoch\":3", "\"epoch\": 3")), "manifest.not_canonical");
    EXPECT_EQ(id_of(replaced(text, "\"epoch\":3", "\"epoch\":3,\"epoch\":3")),
              "manifest.not_canonical");
    EXPECT_EQ(id_of(replaced(text, "\"epoch\":3", "\"epoch\":3.0")), "manifest.invalid");
    EXPECT_EQ(id_of(replaced(text, "\"epoch\":3", "\"epoch\":\"3\"")), "manifest.invalid");
    EXPECT_EQ(id_of(replaced(text, "\"epoch\":3", "\"epoch\":4294967296")), "manifest.invalid");
    EXPECT_EQ(id_of(replaced(text, "\"epoch\":3,", "")), "manifest.invalid");
    EXPECT_EQ(id_of("[]"), "manifest.invalid");
    EXPECT_EQ(id_of(""), "manifest.invalid");
    EXPECT_EQ(id_of(std::string(100'000, '[')), "manifest.invalid");
}

TEST(ManifestText, AnUnknownKeyIsRefusedInOurSchemaAndIgnoredInANewerMinorOne) {
    const auto more =
        replaced(to_json(whole()), "\"version\":\"1.1.0\"}", "\"version\":\"1.1.0\",\"zebra\":1}");
    EXPECT_EQ(id_of(more), "manifest.not_canonical");
    const auto newer = replaced(more, "\"minor\":0", "\"minor\":1");
    const auto parsed = parse_manifest(newer);
    ASSERT_TRUE(parsed) << parsed.error().text();
    EXPECT_EQ(parsed->schema_minor, 1);
    EXPECT_EQ(parsed->name, "nos");
}

TEST(ManifestText, AnotherMajorSchemaIsAnErrorOfItsOwnWhateverElseItHolds) {
    EXPECT_EQ(id_of("{\"schema\":{\"major\":2,\"minor\":0},\"new\":[1]}\n"),
              "manifest.unknown_schema");
}

TEST(ManifestText, APackThatDoesNotSayWhichBasesItIsForIsRefused) {
    auto pack = whole();
    pack.kind = PackageKind::pack;
    pack.level = 3;
    pack.compatible.base = VersionRange::parse(">=1.0 <2.0").value();
    pack.services.clear();
    pack.health.clear();
    pack.persist.clear();
    pack.includes.front().digest = std::string(64, 'a');
    EXPECT_EQ(id_of(to_json(pack)), "");
    pack.compatible.base = {};
    const auto refused = parse_manifest(to_json(pack));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("[compatible] base"), std::string::npos);
}

struct Fault {
    const char* name;
    std::function<void(Manifest&)> make;
};

struct ManifestFaults : testing::TestWithParam<Fault> {};

TEST_P(ManifestFaults, AreRefused) {
    auto manifest = whole();
    GetParam().make(manifest);
    EXPECT_EQ(id_of(to_json(manifest)), "manifest.invalid");
}

INSTANTIATE_TEST_SUITE_P(
    All, ManifestFaults,
    testing::Values(
        Fault{"upper_case_name", [](Manifest& m) { m.name = "Nos"; }},
        Fault{"empty_name", [](Manifest& m) { m.name.clear(); }},
        Fault{"long_name", [](Manifest& m) { m.name = std::string(65, 'a'); }},
        Fault{"path_as_name", [](Manifest& m) { m.name = "../nos"; }},
        Fault{"control_character", [](Manifest& m) { m.summary = "a\nb"; }},
        Fault{"no_time", [](Manifest& m) { m.created = "yesterday"; }},
        Fault{"absolute_persist", [](Manifest& m) { m.persist = {"/etc/passwd"}; }},
        Fault{"persist_going_up", [](Manifest& m) { m.persist = {"etc/../../x"}; }},
        Fault{"persist_of_all", [](Manifest& m) { m.persist = {"."}; }},
        Fault{"unknown_stage", [](Manifest& m) { m.hooks = {{"later", "hooks/stop.sh"}}; }},
        Fault{"hook_that_is_not_there", [](Manifest& m) { m.hooks = {{"prep", "hooks/x"}}; }},
        Fault{"hook_elsewhere", [](Manifest& m) { m.hooks = {{"prep", "payload"}}; }},
        Fault{"member_going_up", [](Manifest& m) { m.members[1].name = "hooks/../x"; }},
        Fault{"members_out_of_order", [](Manifest& m) { std::swap(m.members[0], m.members[2]); }},
        Fault{"member_twice",
              [](Manifest& m) { m.members.insert(m.members.begin() + 1, m.members[1]); }},
        Fault{"member_without_digest", [](Manifest& m) { m.members[0].sha256 = "aa"; }},
        Fault{"huge_hook", [](Manifest& m) { m.members[1].size_bytes = kMaxHookBytes + 1; }},
        Fault{"huge_index", [](Manifest& m) { m.members[0].size_bytes = kMaxChunkIndexBytes + 1; }},
        Fault{"huge_payload", [](Manifest& m) { m.payload.content_bytes = 1ULL << 60U; }},
        Fault{"payload_without_type", [](Manifest& m) { m.payload.type = PayloadType::none; }},
        Fault{"service_twice", [](Manifest& m) { m.services.push_back(m.services[0]); }},
        Fault{"service_without_command", [](Manifest& m) { m.services[0].command.clear(); }},
        Fault{"bad_listen", [](Manifest& m) { m.services[0].listen = {"tcp:70000"}; }},
        Fault{"bad_environment", [](Manifest& m) { m.services[0].environment = {{"A=B", ""}}; }},
        Fault{"health_with_two_ways", [](Manifest& m) { m.health[0].exec = {"x"}; }},
        Fault{"health_with_no_way", [](Manifest& m) { m.health[0].tcp.clear(); }},
        Fault{"health_that_waits_for_ever",
              [](Manifest& m) { m.health[0].timeout = std::chrono::hours(25); }}),
    [](const auto& fault) { return std::string(fault.param.name); });

}  // namespace
}  // namespace cutover
