#include "model/package_spec.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/manifest.h"
#include "model/package_kind.h"

namespace cutover {
namespace {

using testing::HasSubstr;

constexpr auto* kWhole = R"(
[package]
kind = "base"
name = "nos"
version = "1.1.0"
summary = "Access router OS"
epoch = 3

[payload]
type = "tree"
path = "rootfs"
chunk-size = 32768
owners = "root"

[compatible]
hardware = ["emulated"]
architecture = ["amd64"]
base = ">=1.0 <2.0"
from = ">=1.0"

[requires]
bgp = ">=8.4"
[conflicts]
old-bgp = "*"
[provides]
routing = "2.0"

[[includes]]
kind = "feature"
name = "bgp"
version = "8.4"

[[service]]
name = "web"
command = ["bin/busybox", "httpd"]
listen = ["tcp:8080"]
on-change = "restart-with-sockets"
restart = "always"
ready = "notified"
start-timeout = "5s"
environment = {LANG = "C"}

[[health]]
name = "web answers"
http = "http://127.0.0.1:8080/"
timeout = "2s"
interval = "500ms"
retries = 10

[needs]
programs = ["ip"]

[persist]
paths = ["etc/nos.conf"]

[hooks]
preinstall = "hooks/stop-legacy.sh"

[config]
modules = ["yang/nos.yang"]
migrations = "migrations"
)";

TEST(PackageSpec, ReadsEveryKey) {
    const auto spec = parse_package_spec(kWhole);
    ASSERT_TRUE(spec) << spec.error().text();
    const auto& manifest = spec->manifest;
    EXPECT_EQ(manifest.kind, PackageKind::base);
    EXPECT_EQ(manifest.version.text(), "1.1.0");
    EXPECT_EQ(manifest.epoch, 3U);
    EXPECT_EQ(manifest.payload.type, PayloadType::tree);
    EXPECT_EQ(spec->payload_path, "rootfs");
    EXPECT_EQ(spec->chunk_bytes, 32768U);
    EXPECT_EQ(spec->keep_owners, false);
    EXPECT_EQ(manifest.compatible.from.text(), ">=1.0");
    EXPECT_EQ(manifest.needs.at("bgp").text(), ">=8.4");
    EXPECT_EQ(manifest.conflicts.at("old-bgp").text(), "*");
    EXPECT_EQ(manifest.provides.at("routing").text(), "2.0");
    ASSERT_EQ(manifest.includes.size(), 1U);
    EXPECT_EQ(manifest.includes[0].name, "bgp");
    const ServiceSpec web{.name = "web",
                          .command = {"bin/busybox", "httpd"},
                          .environment = {{"LANG", "C"}},
                          .listen = {"tcp:8080"},
                          .on_change = OnChange::restart_with_sockets,
                          .restart = RestartPolicy::always,
                          .ready = ReadyWhen::notified,
                          .start_timeout = std::chrono::seconds(5)};
    EXPECT_THAT(manifest.services, testing::ElementsAre(web));
    EXPECT_EQ(manifest.health.at(0).interval, std::chrono::milliseconds(500));
    EXPECT_THAT(manifest.programs, testing::ElementsAre("ip"));
    EXPECT_THAT(manifest.persist, testing::ElementsAre("etc/nos.conf"));
    EXPECT_EQ(spec->hooks.at("preinstall"), "hooks/stop-legacy.sh");
    EXPECT_THAT(spec->config_modules, testing::ElementsAre("yang/nos.yang"));
    EXPECT_EQ(spec->config_migrations, "migrations");
}

struct Mistake {
    const char* toml;
    const char* id;
    const char* message;
};

struct PackageSpecMistakes : testing::TestWithParam<Mistake> {};

TEST_P(PackageSpecMistakes, AreNamedWithTheirLine) {
    const auto spec = parse_package_spec(GetParam().toml);
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().id, GetParam().id);
    EXPECT_THAT(spec.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, PackageSpecMistakes,
    testing::Values(Mistake{"[package\n", "spec.syntax", "line 1"},
                    Mistake{"[package]\nversoin = \"1\"\n", "spec.unknown_key", "line 2"},
                    Mistake{"[package]\nversoin = \"1\"\n", "spec.unknown_key",
                            "did you mean 'version'"},
                    Mistake{"[packages]\n", "spec.unknown_key", "did you mean 'package'"},
                    Mistake{"[hooks]\npre-install = \"x\"\n", "spec.unknown_key", "'preinstall'"},
                    Mistake{"[package]\nversion = \"one\"\n", "spec.bad_value", "line 2"},
                    Mistake{"[package]\nepoch = -1\n", "spec.bad_value", "package.epoch"},
                    Mistake{"[package]\nkind = \"bass\"\n", "spec.bad_value", "'bass'"},
                    Mistake{"[payload]\npath = \"x\"\n", "spec.bad_value", "payload.type"},
                    Mistake{"[payload]\ntype = \"tree\"\n", "spec.bad_value", "payload.path"},
                    Mistake{"[[service]]\nname = \"web\"\n", "spec.bad_value", "service.command"},
                    Mistake{"[[service]]\nname = \"w\"\ncommand = [\"x\"]\nrestart = \"maybe\"\n",
                            "spec.bad_value", "line 4"},
                    Mistake{"[requires]\nbgp = \"> 8\"\n", "spec.bad_value", "requires.bgp"}));

}  // namespace
}  // namespace cutover
