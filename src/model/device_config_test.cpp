#include "model/device_config.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Error error_of(std::string_view toml) {
    auto config = parse_device_config(toml);
    EXPECT_FALSE(config) << toml;
    return config ? Error{} : config.error();
}

TEST(DeviceConfig, AnEmptyFileGivesADeviceThatWorks) {
    const auto config = parse_device_config("");
    ASSERT_TRUE(config);
    EXPECT_EQ(*config, DeviceConfig{});
    EXPECT_EQ(config->hardware, std::vector<std::string>{"emulated"});
}

TEST(DeviceConfig, EveryKeyReachesItsField) {
    const auto config = parse_device_config(R"(
[device]
name = "edge-1"
hardware = ["ar1220", "ar1200"]
serial = "S1"
architecture = "arm64"
[trust]
anchors = "/etc/cutover/trust"
expired = "refuse"
[policy]
require-preview = true
unforceable = ["hardware"]
keep-generations = 5
operation-timeout = "1h"
script-timeout = "1m"
transfer-timeout = "5s"
[trial]
boots = 3
deadline = "90s"
settle = "10s"
[[health]]
name = "web"
http = "http://127.0.0.1:8080/"
timeout = "1s"
interval = "250ms"
retries = 4
[[health]]
name = "ssh"
tcp = "127.0.0.1:22"
[[health]]
name = "routes"
exec = ["bin/check", "--all"]
[boot]
backend = "uboot"
device = "/dev/disk/by-partuuid/0"
offset = 8192
redundant-offset = 16384
size = 8192
[slots]
backend = "block"
a = "/dev/disk/by-partuuid/1"
b = "/dev/disk/by-partuuid/2"
persist = "/data/kept"
[services]
backend = "systemd"
tolerate = ["noise.service"]
[watchdog]
device = "/dev/watchdog0"
timeout = "30s"
[stages]
scripts = "my-stages"
ini = ["a.ini"]
[evidence]
files = ["etc/hosts"]
commands = [["ip", "route"], ["uname", "-a"]]
[doors.native]
socket = "/run/cutover.sock"
)");
    ASSERT_TRUE(config) << config.error().text();
    DeviceConfig expected{
        .name = "edge-1",
        .hardware = {"ar1220", "ar1200"},
        .serial = "S1",
        .architecture = "arm64",
        .anchors = "/etc/cutover/trust",
        .expired = ExpiredPolicy::refuse,
        .require_preview = true,
        .unforceable = {"hardware"},
        .keep_generations = 5,
        .operation_timeout = 1h,
        .script_timeout = 1min,
        .transfer_timeout = 5s,
        .trial_boots = 3,
        .trial_deadline = 90s,
        .settle = 10s,
        .health = {{.name = "web",
                    .http = "http://127.0.0.1:8080/",
                    .timeout = 1s,
                    .interval = 250ms,
                    .retries = 4},
                   {.name = "ssh", .tcp = "127.0.0.1:22"},
                   {.name = "routes", .exec = {"bin/check", "--all"}}},
        .boot_backend = "uboot",
        .boot_device = "/dev/disk/by-partuuid/0",
        .boot_offset = 8192,
        .boot_redundant_offset = 16384,
        .boot_size = 8192,
        .slots_backend = "block",
        .slot_a = "/dev/disk/by-partuuid/1",
        .slot_b = "/dev/disk/by-partuuid/2",
        .persist = "/data/kept",
        .services_backend = "systemd",
        .tolerated_units = {"noise.service"},
        .watchdog_device = "/dev/watchdog0",
        .watchdog_timeout = 30s,
        .stage_scripts = "my-stages",
        .ini_files = {"a.ini"},
        .evidence_files = {"etc/hosts"},
        .evidence_commands = {{"ip", "route"}, {"uname", "-a"}},
        .native_socket = "/run/cutover.sock",
    };
    EXPECT_EQ(*config, expected);
}

TEST(DeviceConfig, AnUnknownKeyNamesItsLineAndTheNearestKnownKey) {
    const auto error = error_of("[trial]\nboots = 2\ndead-line = \"5m\"\n");
    EXPECT_EQ(error.id, "config.unknown_key");
    EXPECT_THAT(error.message, HasSubstr("line 3"));
    EXPECT_THAT(error.message, HasSubstr("trial.dead-line"));
    EXPECT_THAT(error.message, HasSubstr("did you mean 'deadline'?"));
}

TEST(DeviceConfig, UnknownTablesAreFoundAtEveryLevel) {
    EXPECT_THAT(error_of("[devcie]\n").message, HasSubstr("did you mean 'device'?"));
    EXPECT_THAT(error_of("[doors.natve]\n").message, HasSubstr("did you mean 'native'?"));
    EXPECT_THAT(error_of("[[health]]\nname='x'\ntcp='a:1'\nretry=1").message,
                HasSubstr("did you mean 'retries'?"));
    EXPECT_THAT(error_of("zzz = 1").message, testing::Not(HasSubstr("did you mean")));
}

TEST(DeviceConfig, AnUnderscoreSpellingIsAnUnknownKeyWithAHint) {
    EXPECT_THAT(error_of("[policy]\nrequire_preview = true").message,
                HasSubstr("did you mean 'require-preview'?"));
}

TEST(DeviceConfig, AWrongTypeOrRangeSaysWhatIsExpected) {
    for (const std::string_view toml : {
             "[device]\nname = 3",
             "[device]\nname = ''",
             "[device]\nhardware = []",
             "[device]\nhardware = ['a', 3]",
             "[device]\nname = \"a\\u0000b\"",
             "[trust]\nexpired = 'maybe'",
             "[policy]\nkeep-generations = 1",
             "[policy]\nkeep-generations = -1",
             "[policy]\nkeep-generations = 99999999999",
             "[policy]\nscript-timeout = 5",
             "[policy]\nscript-timeout = '0s'",
             "[policy]\nrequire-preview = 'yes'",
             "[trial]\nboots = 0",
             "[evidence]\ncommands = ['uname']",
             "[evidence]\ncommands = [[]]",
             "device = 3",
             "health = 3",
             "health = [3]",
             "[[health]]\nname='x'\nhttp='ftp://x'",
             "[[health]]\nname='x'\ntcp='x'",
             "[[health]]\nname='x'\nexec=[]",
             "[[health]]\nname='x'\ntcp='a:1'\n[[health]]\nname='x'\ntcp='a:1'",
             "[doors.native]\nsocket = ''",
         }) {
        const auto error = error_of(toml);
        EXPECT_EQ(error.id, "config.bad_value") << toml;
        EXPECT_THAT(error.message, HasSubstr("line ")) << toml;
    }
}

TEST(DeviceConfig, AHealthCheckHasANameAndExactlyOneWayToAsk) {
    EXPECT_EQ(error_of("[[health]]\ntcp = 'a:1'").id, "config.missing_key");
    EXPECT_EQ(error_of("[[health]]\nname = 'x'").id, "config.missing_key");
    EXPECT_EQ(error_of("[[health]]\nname='x'\ntcp='a:1'\nexec=['b']").id, "config.missing_key");
}

TEST(DeviceConfig, SlotsThatArePartitionsNeedTwoOfThem) {
    EXPECT_EQ(error_of("[slots]\nbackend = 'block'").id, "config.missing_key");
    EXPECT_EQ(error_of("[slots]\nbackend = 'block'\na = '/dev/x'").id, "config.missing_key");
    EXPECT_EQ(error_of("[slots]\nbackend = 'block'\na = '/dev/x'\nb = '/dev/x'").id,
              "config.bad_value");
}

TEST(DeviceConfig, ABootRecordNeedsItsPlace) {
    EXPECT_EQ(error_of("[boot]\nbackend = 'grub'").id, "config.missing_key");
    EXPECT_EQ(error_of("[boot]\nbackend = 'uboot'").id, "config.missing_key");
}

TEST(DeviceConfig, SystemdBootNeedsItsPartitionAndBothRoots) {
    const auto config = parse_device_config(
        "[boot]\nbackend = 'systemd-boot'\nesp = '/efi'\nroot-a = 'PARTUUID=1'\n"
        "root-b = 'PARTUUID=2'\narguments = 'quiet'\n");
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_EQ(config->boot_esp, "/efi");
    EXPECT_EQ(config->boot_root_a, "PARTUUID=1");
    EXPECT_EQ(config->boot_root_b, "PARTUUID=2");
    EXPECT_EQ(config->boot_arguments, "quiet");
    EXPECT_EQ(error_of("[boot]\nbackend = 'systemd-boot'\nesp = '/efi'\nroot-a = 'x'").id,
              "config.missing_key");
}

TEST(DeviceConfig, MoreBootsThanABootScriptCanCountAreRefused) {
    const std::string grub = "[boot]\nbackend = 'grub'\ndevice = 'x'\n";
    EXPECT_EQ(error_of(grub + "[trial]\nboots = 10").id, "config.bad_value");
    EXPECT_TRUE(parse_device_config(grub + "[trial]\nboots = 9"));
    EXPECT_TRUE(parse_device_config("[trial]\nboots = 10"));
}

TEST(DeviceConfig, AKeyOfAnotherBackendIsUnknown) {
    EXPECT_EQ(error_of("[boot]\nbackend = 'grub'\ndevice = '/dev/x'\noffset = 1").id,
              "config.unknown_key");
    EXPECT_EQ(error_of("[slots]\na = '/dev/x'").id, "config.unknown_key");
    EXPECT_EQ(error_of("[services]\ntolerate = ['x.service']").id, "config.unknown_key");
}

TEST(DeviceConfig, LayersAreFilesOrMountedOrAsTheBaseIs) {
    EXPECT_EQ(parse_device_config("")->layers_backend, LayersBackend::automatic);
    EXPECT_EQ(parse_device_config("[layers]\nbackend = 'auto'")->layers_backend,
              LayersBackend::automatic);
    EXPECT_EQ(parse_device_config("[layers]\nbackend = 'tree'")->layers_backend,
              LayersBackend::tree);
    EXPECT_EQ(parse_device_config("[layers]\nbackend = 'overlay'")->layers_backend,
              LayersBackend::overlay);
    EXPECT_EQ(error_of("[layers]\nbackend = 'zfs'").id, "config.bad_value");
}

TEST(DeviceConfig, BrokenTomlNamesItsLine) {
    const auto error = error_of("[device]\nname = \n");
    EXPECT_EQ(error.id, "config.syntax");
    EXPECT_THAT(error.message, HasSubstr("line 2"));
}

TEST(DeviceConfig, AHugeFileIsRefusedBeforeItIsParsed) {
    EXPECT_EQ(error_of(std::string(300'000, '#')).id, "config.syntax");
}

}  // namespace
}  // namespace cutover
