#include "model/device_config.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/backup_config.h"
#include "model/security_config.h"

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
[security]
certificate = "tls/device.crt"
key = "tls/device.key"
client-ca = "tls/ca.crt"
client-certificates = "required"
plaintext-role = "viewer"
[security.certificates]
"ems.example.net" = "operator"
[security.local]
netops = "admin"
"@ops" = "viewer"
[doors.native]
socket = "/run/cutover.sock"
[doors.gnoi]
listen = "unix:gnoi.sock"
reflection = false
max-connections = 8
files = "/data/gnoi"
[doors.dmi]
listen = "192.0.2.7:50052"
plaintext = true
reflection = false
max-connections = 9
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
        .dmi = {.listen = "192.0.2.7:50052",
                .plaintext = true,
                .reflection = false,
                .max_connections = 9},
        .gnoi = {.listen = "unix:gnoi.sock",
                 .reflection = false,
                 .max_connections = 8,
                 .files = "/data/gnoi"},
        .security = {.certificate = "tls/device.crt",
                     .key = "tls/device.key",
                     .client_ca = "tls/ca.crt",
                     .client_certificates = ClientCertificates::required,
                     .certificates = {{"ems.example.net", Role::operator_}},
                     .local = {{"netops", Role::admin}, {"@ops", Role::viewer}},
                     .plaintext_role = Role::viewer},
    };
    EXPECT_EQ(*config, expected);
}

TEST(DeviceConfig, WithoutSecurityThereIsNoTlsAndPlaintextIsTheOperators) {
    const auto config = parse_device_config("");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->security, SecurityConfig{});
    EXPECT_EQ(config->security.plaintext_role, Role::operator_);
}

TEST(DeviceConfig, AMistypedRoleIsSuggested) {
    const auto error = error_of("[security.local]\nnetops = \"operater\"\n");
    EXPECT_EQ(error.id, "config.bad_value");
    EXPECT_THAT(error.message, HasSubstr("line 2: security.local.netops"));
    EXPECT_THAT(error.message, HasSubstr("did you mean 'operator'?"));
    EXPECT_EQ(error_of("[security]\nplaintext-role = 3\n").id, "config.bad_value");
    EXPECT_EQ(error_of("[security.local]\n\"@\" = \"admin\"\n").id, "config.bad_value");
}

TEST(DeviceConfig, WhatBelongsTogetherInSecurityIsNeededTogether) {
    const std::string tls = "[security]\ncertificate = \"c\"\nkey = \"k\"\n";
    EXPECT_TRUE(parse_device_config(tls));
    for (const auto* half : {"certificate = \"c\"", "key = \"k\"", "client-ca = \"ca\"",
                             "client-ca = \"ca\"\nclient-certificates = \"accepted\""})
        EXPECT_EQ(error_of(std::string("[security]\n") + half).id, "config.missing_key") << half;
    EXPECT_EQ(error_of(tls + "client-certificates = \"required\"").id, "config.missing_key");
    EXPECT_EQ(error_of(tls + "[security.certificates]\na = \"viewer\"").id, "config.missing_key");
    EXPECT_EQ(error_of(tls + "client-certificates = \"maybe\"").id, "config.bad_value");
}

TEST(DeviceConfig, TheGnoiDoorHasNoPlaintext) {
    for (const auto* value : {"true", "false"}) {
        const auto error = error_of(
            fmt::format("[doors.gnoi]\nlisten = \"127.0.0.1:1\"\nplaintext = {}\n", value));
        EXPECT_EQ(error.id, "config.gnoi_plaintext");
        EXPECT_THAT(error.message, HasSubstr("line 3"));
        EXPECT_THAT(error.remedy, HasSubstr("[security]"));
    }
    EXPECT_TRUE(parse_device_config("[doors.dmi]\nplaintext = true\n"));
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

TEST(DeviceConfig, ARealDeviceShowsPackagesInFoldersOrNotAtAll) {
    const std::string real = "[slots]\nbackend = 'block'\na = '/dev/x'\nb = '/dev/y'\n[layers]\n";
    EXPECT_EQ(parse_device_config(real)->layers_folders, (std::vector<std::string>{"usr", "opt"}));
    const auto config =
        parse_device_config(real + "backend = 'none'\nfolders = ['usr', 'srv/app']");
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_EQ(config->layers_backend, LayersBackend::none);
    EXPECT_EQ(config->layers_folders, (std::vector<std::string>{"usr", "srv/app"}));
    EXPECT_EQ(error_of(real + "folders = ['/usr']").id, "config.bad_value");
    EXPECT_EQ(error_of(real + "folders = ['usr/../etc']").id, "config.bad_value");
    EXPECT_EQ(error_of(real + "folders = ['usr', 'usr/local']").id, "config.bad_value");
    EXPECT_EQ(error_of(real + "folders = ['usr', 'usr']").id, "config.bad_value");
    EXPECT_TRUE(parse_device_config(real + "folders = ['usr', 'usr2']"));
    EXPECT_EQ(error_of(real + "backend = 'tree'").id, "config.bad_value");
    EXPECT_EQ(error_of("[layers]\nbackend = 'none'").id, "config.bad_value");
    EXPECT_EQ(error_of("[layers]\nfolders = ['usr']").id, "config.unknown_key");
}

TEST(DeviceConfig, EventsGoToKafkaWhereThatIsSaid) {
    EXPECT_FALSE(parse_device_config("")->kafka);
    const auto config = parse_device_config(
        "[events.kafka]\nbrokers = ['a:9092', 'b:9092']\ntopic = 'lab.events'\nmetrics-topic = ''\n"
        "encoding = 'json'\nmax-waiting = 500\nprogress-interval = '1s'\nalarm-after = '10s'\n"
        "secrets = 'kafka.secrets'\n[events.kafka.librdkafka]\n'security.protocol' = 'ssl'");
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_EQ(config->kafka, (KafkaConfig{.brokers = {"a:9092", "b:9092"},
                                          .topic = "lab.events",
                                          .metrics_topic = "",
                                          .encoding = EventEncoding::json,
                                          .max_waiting = 500,
                                          .progress_interval = 1s,
                                          .alarm_after = 10s,
                                          .secrets = "kafka.secrets",
                                          .settings = {{"security.protocol", "ssl"}}}));
    EXPECT_EQ(parse_device_config("[events.kafka]\nbrokers = ['a:1']")->kafka,
              (KafkaConfig{.brokers = {"a:1"}}));
}

TEST(DeviceConfig, WhatIsWrongWithKafkaIsToldAtOnce) {
    EXPECT_EQ(error_of("[events.kafka]\ntopic = 'x'").id, "config.missing_key");
    EXPECT_EQ(error_of("[events.kafka]\nbrokers = ['a']").id, "config.bad_value");
    EXPECT_EQ(error_of("[events.kafka]\nbrokers = ['a:1']\nencoding = 'xml'").id,
              "config.bad_value");
    EXPECT_EQ(error_of("[events.kafka]\nbrokers = ['a:1']\nmax-waiting = 3").id,
              "config.bad_value");
    EXPECT_THAT(error_of("[events.kafka]\nbroker = ['a:1']\nbrokers = ['a:1']").message,
                HasSubstr("did you mean 'brokers'"));
    EXPECT_THAT(error_of("[events.kafak]\nbrokers = ['a:1']").message, HasSubstr("'kafka'"));
}

TEST(DeviceConfig, SecretsDoNotBelongIntoDeviceToml) {
    const auto error = error_of(
        "[events.kafka]\nbrokers = ['a:1']\n[events.kafka.librdkafka]\n"
        "'sasl.password' = 'hunter2'");
    EXPECT_EQ(error.id, "config.bad_value");
    EXPECT_THAT(error.text(), testing::Not(HasSubstr("hunter2")));
}

TEST(DeviceConfig, ADoorListensAtAnAddressOrASocket) {
    const auto error = [](const std::string& listen) {
        const auto config = parse_device_config("[doors.dmi]\nlisten = \"" + listen + "\"\n");
        return config ? std::string("taken") : config.error().id;
    };
    for (const auto* const good : {"127.0.0.1:50052", "[::1]:0", "localhost:1", "unix:dmi.sock"})
        EXPECT_EQ(error(good), "taken") << good;
    for (const auto* const bad : {"", "50052", ":50052", "127.0.0.1", "host:port", "unix:"})
        EXPECT_EQ(error(bad), "config.bad_value") << bad;
}

TEST(DeviceConfig, MetricsAreAskedForAtAnAddress) {
    EXPECT_EQ(parse_device_config("")->metrics, MetricsConfig{});
    const auto config = parse_device_config("[metrics]\nlisten = '[::]:9464'\nanywhere = true");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->metrics, (MetricsConfig{.listen = "[::]:9464", .anywhere = true}));
    for (const auto* const bad : {"", "9464", ":9464", "127.0.0.1:", "127.0.0.1:x", "1:123456"})
        EXPECT_EQ(error_of(std::string("[metrics]\nlisten = '") + bad + "'").id, "config.bad_value")
            << bad;
}

TEST(DeviceConfig, TheLogGoesToTheJournalByItsSocketOnly) {
    EXPECT_EQ(parse_device_config("[log]\njournal = 'auto'")->log, LogConfig{});
    EXPECT_EQ(parse_device_config("[log]\njournal = 'off'")->log.journal, JournalUse::never);
    const auto config = parse_device_config("[log]\njournal = '/run/j'");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->log, (LogConfig{.journal = JournalUse::always, .journal_socket = "/run/j"}));
    EXPECT_EQ(error_of("[log]\njournal = 'on'").id, "config.bad_value");
    EXPECT_EQ(error_of("[log]\njournal = '/" + std::string(200, 'x') + "'").id, "config.bad_value");
}

TEST(DeviceConfig, BrokenTomlNamesItsLine) {
    const auto error = error_of("[device]\nname = \n");
    EXPECT_EQ(error.id, "config.syntax");
    EXPECT_THAT(error.message, HasSubstr("line 2"));
}

TEST(DeviceConfig, AHugeFileIsRefusedBeforeItIsParsed) {
    EXPECT_EQ(error_of(std::string(300'000, '#')).id, "config.syntax");
}

TEST(DeviceConfig, SaysHowLongBackupsAreKept) {
    const auto config = parse_device_config(R"([backup]
automatic = false
keep = 7
max-age = "365d"
max-space = "2GiB"
)");
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_EQ(config->backup, (BackupConfig{.automatic = false,
                                            .keep = 7,
                                            .max_age = std::chrono::hours(365 * 24),
                                            .max_space = std::uint64_t{2} << 30}));
    EXPECT_THAT(error_of("[backup]\nmax-sapce = \"64MiB\"").text(),
                HasSubstr("did you mean 'max-space'?"));
    for (const auto* wrong :
         {"keep = 0", "keep = 51", "max-age = \"90\"", "max-age = \"0d\"", "max-age = \"1h\"",
          "max-age = \"-1d\"", "max-age = \"99999d\"", "max-space = \"64MB\"",
          "max-space = \"0MiB\"", "max-space = \"1025GiB\"", "max-space = 64"})
        EXPECT_EQ(error_of(fmt::format("[backup]\n{}", wrong)).id, "config.bad_value") << wrong;
}

TEST(DeviceConfig, SlotsOfAnEmulatedDeviceMayBeVersionedFolders) {
    const auto config =
        parse_device_config("[slots]\nbackend = 'tree'\n[layers]\nbackend = 'tree'\n");
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_EQ(config->slots_backend, "tree");
    EXPECT_EQ(config->layers_backend, LayersBackend::tree);
    EXPECT_EQ(error_of("[slots]\nbackend = 'tree'\na = '/dev/sda1'").id, "config.unknown_key");
}

TEST(DeviceConfig, EmulatedServicesMayBeGivenMoreTimeToStart) {
    EXPECT_EQ(parse_device_config("")->start_timeout, 0ms);
    EXPECT_EQ(parse_device_config("[services]\nstart-timeout = '15m'")->start_timeout, 15min);
    EXPECT_EQ(error_of("[services]\nstart-timeout = 'long'").id, "config.bad_value");
    EXPECT_EQ(error_of("[services]\nbackend = 'none'\nstart-timeout = '15m'").id,
              "config.unknown_key");
}

}  // namespace
}  // namespace cutover
