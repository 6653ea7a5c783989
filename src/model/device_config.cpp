#include "model/device_config.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "model/config_errors.h"
#include "model/manifest.h"
#include "model/toml_table.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxConfigBytes = std::size_t{256} * 1024;
constexpr std::size_t kMaxHealthChecks = 100;
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
    if (backend == "tree")
        config.layers_backend = LayersBackend::tree;
    else if (backend == "overlay")
        config.layers_backend = LayersBackend::overlay;
    else if (backend != "auto")
        layers.refuse(errors::config_bad_value, "backend",
                      "must be \"auto\", \"tree\" or \"overlay\"");
    return layers.done();
}

Result<> read_services(Table& root, DeviceConfig& config) {
    Table services(root.table("services"), "services");
    read_backend(services, config.services_backend);
    if (config.services_backend == "systemd") services.texts("tolerate", config.tolerated_units);
    TRY(services.done());

    Table watchdog(root.table("watchdog"), "watchdog");
    watchdog.text("device", config.watchdog_device);
    watchdog.duration("timeout", config.watchdog_timeout, std::chrono::seconds(2));
    return watchdog.done();
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

    Table doors(root.table("doors"), "doors");
    Table native(doors.table("native"), "doors.native");
    native.text("socket", config.native_socket);
    if (config.native_socket.empty())
        native.refuse(errors::config_bad_value, "socket", "must not be empty");
    TRY(native.done());
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
