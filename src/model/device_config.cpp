#include "model/device_config.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/nearest_name.h"
#include "model/backup_config.h"
#include "model/config_errors.h"
#include "model/manifest.h"
#include "model/security_config.h"
#include "model/toml_table.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxConfigBytes = std::size_t{256} * 1024;
constexpr std::size_t kMaxHealthChecks = 100;
constexpr std::size_t kMaxRoleRows = 1000;
constexpr std::int64_t kMaxOffset = std::int64_t{1} << 50;
constexpr std::int64_t kMaxEnvironment = std::int64_t{1024} * 1024;

constexpr TomlErrors kErrors{.unknown_key = &errors::config_unknown_key,
                             .bad_value = &errors::config_bad_value};

struct Table : TomlTable {
    Table(const toml::table* table, std::string name)
        : TomlTable(table, std::move(name), kErrors) {}
};

constexpr milliseconds kAny{0};
constexpr milliseconds kSome{1};

Result<> read_identity(Table& root, DeviceConfig& config) {
    Table device(root.table("device"), "device");
    device.text("name", config.name);
    device.texts("hardware", config.hardware);
    device.text("serial", config.serial);
    device.text("architecture", config.architecture);
    if (config.name.empty()) device.refuse(errors::config_bad_value, "name", "must not be empty");
    if (config.hardware.empty())
        device.refuse(errors::config_bad_value, "hardware", "must name the device's own hardware");
    TRY(device.done());

    Table trust(root.table("trust"), "trust");
    std::string expired = "signed-while-valid";
    trust.text("anchors", config.anchors);
    trust.text("expired", expired);
    if (expired != "signed-while-valid" && expired != "refuse")
        trust.refuse(errors::config_bad_value, "expired",
                     "must be \"signed-while-valid\" or \"refuse\"");
    config.expired =
        expired == "refuse" ? ExpiredPolicy::refuse : ExpiredPolicy::signed_while_valid;
    return trust.done();
}

Result<> read_rules(Table& root, DeviceConfig& config) {
    Table policy(root.table("policy"), "policy");
    policy.flag("require-preview", config.require_preview);
    policy.texts("unforceable", config.unforceable);
    policy.number("keep-generations", config.keep_generations, {.least = 2, .most = 1000});
    policy.duration("operation-timeout", config.operation_timeout, kSome);
    policy.duration("script-timeout", config.script_timeout, kSome);
    policy.duration("transfer-timeout", config.transfer_timeout, kSome);
    TRY(policy.done());

    Table trial(root.table("trial"), "trial");
    trial.number("boots", config.trial_boots, {.least = 1, .most = 100});
    trial.duration("deadline", config.trial_deadline, kSome);
    trial.duration("settle", config.settle, kAny);
    return trial.done();
}

Result<HealthSpec> read_health(const toml::table* table) {
    Table entry(table, "health");
    HealthSpec check;
    entry.text("name", check.name);
    entry.text("http", check.http);
    entry.text("tcp", check.tcp);
    entry.texts("exec", check.exec);
    entry.duration("timeout", check.timeout, kSome);
    entry.duration("interval", check.interval, kSome);
    entry.number("retries", check.retries, {.least = 1, .most = 10'000});
    if (check.name.empty())
        entry.refuse(errors::config_missing_key, "name", "a health check needs a name");
    const int ways =
        (entry.has("http") ? 1 : 0) + (entry.has("tcp") ? 1 : 0) + (entry.has("exec") ? 1 : 0);
    if (ways != 1)
        entry.refuse(errors::config_missing_key, "http",
                     "a health check has exactly one of http, tcp and exec");
    const bool url = check.http.starts_with("http://") || check.http.starts_with("https://");
    if (entry.has("http") && !url)
        entry.refuse(errors::config_bad_value, "http", "must begin with http:// or https://");
    if (entry.has("tcp") && !check.tcp.contains(':'))
        entry.refuse(errors::config_bad_value, "tcp", "must be \"host:port\"");
    if (entry.has("exec") && check.exec.empty())
        entry.refuse(errors::config_bad_value, "exec", "must name a program");
    TRY(entry.done());
    return check;
}

Result<> read_checks(Table& root, DeviceConfig& config) {
    const auto tables = root.tables("health");
    if (tables.size() > kMaxHealthChecks)
        root.refuse(errors::config_bad_value, "health",
                    fmt::format("at most {} checks", kMaxHealthChecks));
    for (const auto* const table : tables) {
        auto check = TRY(read_health(table));
        const bool twice =
            std::ranges::find(config.health, check.name, &HealthSpec::name) != config.health.end();
        if (twice)
            return fail(errors::config_bad_value, "line {}: the health check '{}' is there twice",
                        table->source().begin.line, check.name);
        config.health.push_back(std::move(check));
    }
    return {};
}

void read_role(Table& table, std::string_view key, Role& role) {
    std::string name(role_name(role));
    table.text(key, name);
    constexpr std::array<std::string_view, 3> kRoles{"viewer", "operator", "admin"};
    const auto read = parse_role(name);
    const auto meant = nearest_name(name, kRoles);
    if (!read)
        table.refuse(errors::config_bad_value, key,
                     fmt::format(R"(must be "viewer", "operator" or "admin"{})",
                                 meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)));
    role = read.value_or(role);
}

void read_backend(Table& table, std::string& backend) {
    table.text("backend", backend);
    if (backend.empty()) table.refuse(errors::config_bad_value, "backend", "must not be empty");
}

void read_systemd_boot(Table& boot, DeviceConfig& config) {
    boot.text("esp", config.boot_esp);
    boot.text("root-a", config.boot_root_a);
    boot.text("root-b", config.boot_root_b);
    boot.text("arguments", config.boot_arguments);
    for (const auto* const value : {&config.boot_esp, &config.boot_root_a, &config.boot_root_b})
        if (value->empty())
            boot.refuse(errors::config_missing_key, "backend",
                        "systemd-boot needs esp, root-a and root-b");
}

Result<> read_boot(Table& root, DeviceConfig& config) {
    Table boot(root.table("boot"), "boot");
    read_backend(boot, config.boot_backend);
    // To others these keys are unknown.
    const bool uboot = config.boot_backend == "uboot";
    if (uboot || config.boot_backend == "grub") {
        boot.text("device", config.boot_device);
        if (config.boot_device.empty())
            boot.refuse(errors::config_missing_key, "backend",
                        "the boot record needs device: the path of its partition");
    }
    constexpr int kMostBoots = 9;  // that a boot script can count
    const bool counts_by_script = uboot || config.boot_backend == "grub";
    if (counts_by_script && config.trial_boots > kMostBoots)
        boot.refuse(errors::config_bad_value, "backend",
                    fmt::format("counts at most {} boots, and [trial] boots is {}", kMostBoots,
                                config.trial_boots));
    if (config.boot_backend == "systemd-boot") read_systemd_boot(boot, config);
    if (uboot) {
        boot.number("offset", config.boot_offset, {.most = kMaxOffset});
        boot.number("redundant-offset", config.boot_redundant_offset, {.most = kMaxOffset});
        boot.number("size", config.boot_size, {.least = 512, .most = kMaxEnvironment});
    }
    return boot.done();
}

Result<> read_slots(Table& root, DeviceConfig& config) {
    Table slots(root.table("slots"), "slots");
    read_backend(slots, config.slots_backend);
    if (config.slots_backend == "block") {  // to others these keys are unknown
        slots.text("a", config.slot_a);
        slots.text("b", config.slot_b);
        slots.text("persist", config.persist);
        for (const auto* const path : {&config.slot_a, &config.slot_b, &config.persist})
            if (path->empty())
                slots.refuse(errors::config_missing_key, "backend",
                             "slots that are partitions need a and b: paths of two partitions");
        if (!config.slot_a.empty() && config.slot_a == config.slot_b)
            slots.refuse(errors::config_bad_value, "b", "must not be the partition of slot a");
    }
    return slots.done();
}

Result<> read_layers(Table& root, DeviceConfig& config) {
    Table layers(root.table("layers"), "layers");
    std::string backend = "auto";
    layers.text("backend", backend);
    const bool real = config.slots_backend != "emulated" && config.slots_backend != "tree";
    if (backend == "overlay")
        config.layers_backend = LayersBackend::overlay;
    else if (backend == "tree" && !real)
        config.layers_backend = LayersBackend::tree;
    else if (backend == "none" && real)
        config.layers_backend = LayersBackend::none;
    else if (backend != "auto")
        layers.refuse(errors::config_bad_value, "backend",
                      real ? "must be \"auto\", \"overlay\" or \"none\""
                           : "must be \"auto\", \"tree\" or \"overlay\"");
    if (real) {
        layers.texts("folders", config.layers_folders);
        for (const auto& folder : config.layers_folders)
            if (!is_relative_path(folder))
                layers.refuse(errors::config_bad_value, "folders",
                              "must be paths below /, without it: \"usr\"");
        for (const auto& folder : config.layers_folders)
            for (const auto& other : config.layers_folders)
                if (&folder != &other && (other + "/").starts_with(folder + "/"))
                    layers.refuse(errors::config_bad_value, "folders",
                                  "must not lie in each other, nor be named twice");
    }
    return layers.done();
}

Result<> read_services(Table& root, DeviceConfig& config) {
    Table services(root.table("services"), "services");
    read_backend(services, config.services_backend);
    if (config.services_backend == "systemd") services.texts("tolerate", config.tolerated_units);
    if (config.services_backend == "emulated")
        services.duration("start-timeout", config.start_timeout, kAny);
    TRY(services.done());

    Table watchdog(root.table("watchdog"), "watchdog");
    watchdog.text("device", config.watchdog_device);
    watchdog.duration("timeout", config.watchdog_timeout, std::chrono::seconds(2));
    return watchdog.done();
}

bool is_secret(std::string_view setting) {
    return setting.contains("password") || setting.contains("secret") ||
           setting.contains("key.pem");
}

Result<> read_kafka_settings(Table& kafka, KafkaConfig& config) {
    Table settings(kafka.table("librdkafka"), "events.kafka.librdkafka");
    const auto names = settings.keys();
    for (const auto& name : names) {
        std::string value;
        settings.text(name, value);
        if (is_secret(name))
            settings.refuse(errors::config_bad_value, name,
                            "is a secret: write it into the file that `secrets` names");
        config.settings.emplace_back(name, value);
    }
    return settings.done();
}

Result<> read_kafka(const toml::table* table, KafkaConfig& config) {
    Table kafka(table, "events.kafka");
    std::string encoding = "protobuf";
    kafka.texts("brokers", config.brokers);
    kafka.text("topic", config.topic);
    kafka.text("metrics-topic", config.metrics_topic);
    kafka.text("encoding", encoding);
    kafka.number("max-waiting", config.max_waiting, {.least = 100, .most = 1'000'000});
    kafka.duration("progress-interval", config.progress_interval, milliseconds(100));
    kafka.duration("alarm-after", config.alarm_after, kSome);
    kafka.text("secrets", config.secrets);
    if (config.brokers.empty())
        kafka.refuse(errors::config_missing_key, "brokers",
                     "needs brokers: a list of \"host:port\"");
    for (const auto& broker : config.brokers)
        if (!broker.contains(':') || broker.contains(','))
            kafka.refuse(errors::config_bad_value, "brokers", "each must be \"host:port\"");
    if (config.topic.empty()) kafka.refuse(errors::config_bad_value, "topic", "must not be empty");
    if (encoding != "protobuf" && encoding != "json")
        kafka.refuse(errors::config_bad_value, "encoding", "must be \"protobuf\" or \"json\"");
    config.encoding = encoding == "json" ? EventEncoding::json : EventEncoding::protobuf;
    TRY(read_kafka_settings(kafka, config));
    return kafka.done();
}

Result<> read_events(Table& root, DeviceConfig& config) {
    Table events(root.table("events"), "events");
    if (const auto* const kafka = events.table("kafka"))
        TRY(read_kafka(kafka, config.kafka.emplace()));
    return events.done();
}

// [security.certificates] and [security.local]: a role for each name.
Result<> read_roles(Table& security, std::string_view key, std::map<std::string, Role>& roles) {
    Table rows(security.table(key), fmt::format("security.{}", key));
    const auto names = rows.keys();
    if (names.size() > kMaxRoleRows)
        rows.refuse(errors::config_bad_value, names.front(),
                    fmt::format("at most {} names", kMaxRoleRows));
    for (const auto& name : names) {
        read_role(rows, name, roles[name]);
        if (name.empty() || name == "@")
            rows.refuse(errors::config_bad_value, name, "must be a name");
    }
    return rows.done();
}

void read_tls(Table& security, SecurityConfig& config) {
    security.text("certificate", config.certificate);
    security.text("key", config.key);
    security.text("client-ca", config.client_ca);
    std::string asked = "none";
    security.text("client-certificates", asked);
    if (asked == "accepted")
        config.client_certificates = ClientCertificates::accepted;
    else if (asked == "required")
        config.client_certificates = ClientCertificates::required;
    else if (asked != "none")
        security.refuse(errors::config_bad_value, "client-certificates",
                        R"(must be "none", "accepted" or "required")");
    if (config.certificate.empty() != config.key.empty())
        security.refuse(errors::config_missing_key, config.key.empty() ? "certificate" : "key",
                        "certificate and key are needed together");
    const bool clients = config.client_certificates != ClientCertificates::none;
    if (clients && config.client_ca.empty())
        security.refuse(errors::config_missing_key, "client-certificates",
                        "needs client-ca: a file with the certificates of who issues them");
    if ((clients || !config.client_ca.empty()) && config.certificate.empty())
        security.refuse(errors::config_missing_key, clients ? "client-certificates" : "client-ca",
                        "needs certificate and key of the device itself");
}

Result<> read_security(Table& root, SecurityConfig& config) {
    Table security(root.table("security"), "security");
    read_tls(security, config);
    read_role(security, "plaintext-role", config.plaintext_role);
    TRY(read_roles(security, "certificates", config.certificates));
    TRY(read_roles(security, "local", config.local));
    if (!config.certificates.empty() && config.client_certificates == ClientCertificates::none)
        security.refuse(errors::config_missing_key, "certificates",
                        R"(needs client-certificates = "accepted" or "required")");
    return security.done();
}

// What the doors for other machines have in common.
template <typename Door>
void read_outer_door(Table& door, Door& config) {
    door.text("listen", config.listen);
    door.flag("reflection", config.reflection);
    door.number("max-connections", config.max_connections, {.least = 1, .most = 4096});
    const std::string_view listen = config.listen;
    const bool socket = listen.starts_with("unix:") && listen.size() > std::size("unix:") - 1;
    const auto port = listen.substr(listen.rfind(':') + 1);
    const bool address = listen.contains(':') && !listen.starts_with(':') && !port.empty() &&
                         port.find_first_not_of("0123456789") == std::string_view::npos;
    if (door.has("listen") && !socket && !address)
        door.refuse(errors::config_bad_value, "listen",
                    "must be \"ADDRESS:PORT\" or \"unix:PATH\"");
}

Result<> read_outer_doors(Table& doors, DeviceConfig& config) {
    Table dmi(doors.table("dmi"), "doors.dmi");
    read_outer_door(dmi, config.dmi);
    dmi.flag("plaintext", config.dmi.plaintext);
    TRY(dmi.done());
    Table gnoi(doors.table("gnoi"), "doors.gnoi");
    read_outer_door(gnoi, config.gnoi);
    bool plaintext = false;  // as it once was
    gnoi.flag("plaintext", plaintext);
    if (gnoi.has("plaintext"))
        gnoi.refuse(errors::config_gnoi_plaintext, "plaintext",
                    "gNOI is spoken over TLS, or over a unix socket");
    gnoi.text("files", config.gnoi.files);
    return gnoi.done();
}

Result<> read_metrics(Table& root, MetricsConfig& config) {
    Table metrics(root.table("metrics"), "metrics");
    metrics.text("listen", config.listen);
    metrics.flag("anywhere", config.anywhere);
    const std::string_view listen = config.listen;
    const auto colon = listen.rfind(':');
    const auto port = listen.substr(colon + 1);
    const bool number = !port.empty() && port.size() <= 5 &&
                        port.find_first_not_of("0123456789") == std::string_view::npos;
    const bool whole = colon != std::string_view::npos && colon > 0 && number;
    if (metrics.has("listen") && !whole)
        metrics.refuse(errors::config_bad_value, "listen", "must be \"ADDRESS:PORT\"");
    return metrics.done();
}

Result<> read_log(Table& root, LogConfig& config) {
    Table log(root.table("log"), "log");
    std::string journal = "auto";
    log.text("journal", journal);
    constexpr std::size_t kMaxSocketPath = 107;  // of what the kernel takes
    if (journal.starts_with('/') && journal.size() <= kMaxSocketPath) {
        config.journal = JournalUse::always;
        config.journal_socket = journal;
    } else if (journal == "off") {
        config.journal = JournalUse::never;
    } else if (journal != "auto") {
        log.refuse(errors::config_bad_value, "journal",
                   "must be \"auto\", \"off\" or the absolute path of the journal's socket");
    }
    return log.done();
}

Result<> read_backup(Table& root, BackupConfig& config) {
    Table backup(root.table("backup"), "backup");
    constexpr std::int64_t kMostKept = 50;
    backup.flag("automatic", config.automatic);
    backup.flag("packages", config.packages);
    backup.flag("automatic-packages", config.automatic_packages);
    backup.number("keep", config.keep, {.least = 1, .most = kMostKept});
    std::string age;
    std::string space;
    backup.text("max-age", age);
    backup.text("max-space", space);
    const auto days = parse_days(age);
    const auto bytes = parse_bytes(space);
    if (backup.has("max-age") && !days)
        backup.refuse(errors::config_bad_value, "max-age", "must be days like \"90d\"");
    if (backup.has("max-space") && !bytes)
        backup.refuse(errors::config_bad_value, "max-space", "must be a size like \"64MiB\"");
    config.max_age = days.value_or(config.max_age);
    config.max_space = bytes.value_or(config.max_space);
    return backup.done();
}

Result<> read_rest(Table& root, DeviceConfig& config) {
    TRY(read_boot(root, config));
    TRY(read_slots(root, config));
    TRY(read_layers(root, config));
    TRY(read_services(root, config));

    Table stages(root.table("stages"), "stages");
    stages.text("scripts", config.stage_scripts);
    stages.texts("ini", config.ini_files);
    TRY(stages.done());

    Table evidence(root.table("evidence"), "evidence");
    evidence.texts("files", config.evidence_files);
    evidence.commands("commands", config.evidence_commands);
    TRY(evidence.done());

    TRY(read_events(root, config));
    TRY(read_security(root, config.security));
    TRY(read_metrics(root, config.metrics));
    TRY(read_log(root, config.log));
    TRY(read_backup(root, config.backup));

    Table doors(root.table("doors"), "doors");
    Table native(doors.table("native"), "doors.native");
    native.text("socket", config.native_socket);
    if (config.native_socket.empty())
        native.refuse(errors::config_bad_value, "socket", "must not be empty");
    TRY(native.done());
    TRY(read_outer_doors(doors, config));
    return doors.done();
}

}  // namespace

Result<DeviceConfig> parse_device_config(std::string_view toml) {
    if (toml.size() > kMaxConfigBytes)
        return fail(errors::config_syntax, "device.toml is longer than {} bytes", kMaxConfigBytes);
    const auto parsed = TRY(parse_toml(toml, errors::config_syntax));
    DeviceConfig config;
    Table root(&parsed, "");
    TRY(read_identity(root, config));
    TRY(read_rules(root, config));
    TRY(read_checks(root, config));
    TRY(read_rest(root, config));
    TRY(root.done());
    return config;
}

}  // namespace cutover
