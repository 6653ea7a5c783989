#include "model/package_spec.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "model/host_needs.h"
#include "model/manifest.h"
#include "model/manifest_errors.h"
#include "model/manifest_names.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/toml_table.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxSpecBytes = std::size_t{1024} * 1024;
constexpr std::chrono::milliseconds kSome{1};

constexpr TomlErrors kErrors{.unknown_key = &errors::spec_unknown_key,
                             .bad_value = &errors::spec_bad_value};

struct Table : TomlTable {
    Table(const toml::table* table, std::string name)
        : TomlTable(table, std::move(name), kErrors) {}

    // A text that `from` turns into an enumerator.
    template <typename Enum, typename From>
    void name(std::string_view key, Enum& value, From from, std::string_view choices) {
        std::string word;
        text(key, word);
        if (!has(key)) return;
        if (const auto found = from(word))
            value = *found;
        else
            refuse(errors::spec_bad_value, key,
                   fmt::format("'{}' is not one of {}", word, choices));
    }

    template <typename Value>
    void parsed(std::string_view key, Value& value) {
        std::string written;
        text(key, written);
        if (!has(key)) return;
        if (auto read = Value::parse(written))
            value = *std::move(read);
        else
            refuse(errors::spec_bad_value, key, read.error().text());
    }

    void required(std::string_view key) {
        if (!has(key)) refuse(errors::spec_bad_value, key, "is missing");
    }
};

Result<> read_package(Table& root, PackageSpec& spec) {
    Table package(root.table("package"), "package");
    auto& manifest = spec.manifest;
    package.name("kind", manifest.kind, package_kind_from,
                 "base, feature, hardware, patch, module, pack");
    package.text("name", manifest.name);
    package.parsed("version", manifest.version);
    package.text("summary", manifest.summary);
    package.flag("side-by-side", manifest.side_by_side);
    package.number("epoch", manifest.epoch, {.most = std::numeric_limits<std::uint32_t>::max()});
    return package.done();
}

Result<> read_payload(Table& root, PackageSpec& spec) {
    Table payload(root.table("payload"), "payload");
    payload.name("type", spec.manifest.payload.type, payload_type_from, "tree, image, deb");
    payload.text("path", spec.payload_path);
    payload.number("chunk-size", spec.chunk_bytes,
                   {.least = 1024, .most = std::int64_t{1024} * 1024});
    if (payload.has("owners")) {
        std::string owners;
        payload.text("owners", owners);
        spec.keep_owners = owners == "keep";
        if (owners != "keep" && owners != "root")
            payload.refuse(errors::spec_bad_value, "owners", "is \"keep\" or \"root\"");
    }
    if (root.has("payload")) payload.required("type");
    if (spec.manifest.payload.type != PayloadType::none) payload.required("path");
    return payload.done();
}

Result<> read_compatible(Table& root, Compatibility& compatible) {
    Table table(root.table("compatible"), "compatible");
    table.texts("hardware", compatible.hardware);
    table.texts("architecture", compatible.architecture);
    table.parsed("base", compatible.base);
    table.parsed("from", compatible.from);
    return table.done();
}

template <typename Value>
Result<> read_versions(Table& root, std::string_view name, std::map<std::string, Value>& versions) {
    Table table(root.table(name), std::string(name));
    for (const auto& package : table.keys()) table.parsed(package, versions[package]);
    return table.done();
}

Result<> read_host(Table& root, HostNeeds& needs) {
    Table host(root.table("host"), "host");
    Table os(host.table("os"), "host.os");
    for (const auto& id : os.keys()) os.parsed(id, needs.os[id]);
    TRY(os.done());
    Table libraries(host.table("libraries"), "host.libraries");
    for (const auto& soname : libraries.keys()) libraries.parsed(soname, needs.libraries[soname]);
    TRY(libraries.done());
    host.parsed("kernel", needs.kernel);
    host.texts("keys", needs.keys);
    host.texts("algorithms", needs.algorithms);
    return host.done();
}

Result<ServiceSpec> read_service(const toml::table* toml) {
    Table table(toml, "service");
    ServiceSpec service;
    table.text("name", service.name);
    table.texts("command", service.command);
    table.texts("listen", service.listen);
    table.name("on-change", service.on_change, on_change_from,
               "none, reload, restart, restart-with-sockets, hook");
    table.name("restart", service.restart, restart_policy_from, "always, on-failure, never");
    table.name("ready", service.ready, ready_when_from, "running, ended, notified");
    table.duration("start-timeout", service.start_timeout, kSome);
    table.text("reload-signal", service.reload_signal);
    table.texts("hook", service.hook);
    table.texts("config", service.config);
    Table environment(table.table("environment"), "service.environment");
    for (const auto& name : environment.keys()) environment.text(name, service.environment[name]);
    TRY(environment.done());
    table.required("name");
    table.required("command");
    TRY(table.done());
    return service;
}

Result<TouchSpec> read_touch(const toml::table* toml) {
    Table table(toml, "touches");
    TouchSpec touch;
    table.text("service", touch.name);
    table.name("on-change", touch.on_change, on_change_from,
               "none, reload, restart, restart-with-sockets, hook");
    table.texts("hook", touch.hook);
    table.texts("unhook", touch.unhook);
    table.required("service");
    TRY(table.done());
    return touch;
}

Result<HealthSpec> read_health(const toml::table* toml) {
    Table table(toml, "health");
    HealthSpec health;
    table.text("name", health.name);
    table.text("http", health.http);
    table.text("tcp", health.tcp);
    table.texts("exec", health.exec);
    table.duration("timeout", health.timeout, kSome);
    table.duration("interval", health.interval, kSome);
    table.number("retries", health.retries, {.least = 1, .most = 10'000});
    table.required("name");
    TRY(table.done());
    return health;
}

Result<IncludedPackage> read_included(const toml::table* toml) {
    Table table(toml, "includes");
    IncludedPackage included;
    table.name("kind", included.kind, package_kind_from, "feature, hardware, patch, module");
    table.text("name", included.name);
    table.parsed("version", included.version);
    table.required("name");
    table.required("version");
    TRY(table.done());
    return included;
}

Result<> read_lists(Table& root, Manifest& manifest) {
    for (const auto* const toml : root.tables("service"))
        manifest.services.push_back(TRY(read_service(toml)));
    for (const auto* const toml : root.tables("touches"))
        manifest.touches.push_back(TRY(read_touch(toml)));
    for (const auto* const toml : root.tables("health"))
        manifest.health.push_back(TRY(read_health(toml)));
    for (const auto* const toml : root.tables("includes"))
        manifest.includes.push_back(TRY(read_included(toml)));
    Table needs(root.table("needs"), "needs");
    needs.texts("programs", manifest.programs);
    TRY(needs.done());
    Table persist(root.table("persist"), "persist");
    persist.texts("paths", manifest.persist);
    TRY(persist.done());
    Table hardware(root.table("hardware"), "hardware");
    hardware.texts("supports", manifest.supports);
    TRY(hardware.done());
    Table patch(root.table("patch"), "patch");
    patch.texts("replaces", manifest.replaces);
    return patch.done();
}

Result<> read_pack(Table& root, PackageSpec& spec) {
    Table pack(root.table("pack"), "pack");
    pack.number("level", spec.manifest.level, {.least = 1, .most = 1'000'000});
    pack.texts("members", spec.pack_members);
    if (root.has("pack")) {
        pack.required("level");
        pack.required("members");
    }
    return pack.done();
}

Result<> read_hooks(Table& root, PackageSpec& spec) {
    Table hooks(root.table("hooks"), "hooks");
    for (const auto stage : kStages) {
        std::string script;  // every stage is asked for, so that a misspelt one has its nearest
        hooks.text(to_string(stage), script);
        if (!script.empty()) spec.hooks[std::string(to_string(stage))] = script;
    }
    TRY(hooks.done());
    Table config(root.table("config"), "config");
    config.texts("modules", spec.config_modules);
    config.text("migrations", spec.config_migrations);
    TRY(config.done());
    Table instances(root.table("instances"), "instances");
    instances.text("path", spec.manifest.instances.path);
    instances.text("bound-by", spec.manifest.instances.bound_by);
    instances.text("value", spec.manifest.instances.value);
    if (root.has("instances")) {
        instances.required("path");
        instances.required("bound-by");
    }
    return instances.done();
}

}  // namespace

Result<PackageSpec> parse_package_spec(std::string_view text) {
    if (text.size() > kMaxSpecBytes)
        return fail(errors::spec_syntax, "package.toml is longer than {} bytes", kMaxSpecBytes);
    const auto parsed = TRY(parse_toml(text, errors::spec_syntax));
    PackageSpec spec;
    Table root(&parsed, "");
    TRY(read_package(root, spec));
    TRY(read_payload(root, spec));
    TRY(read_compatible(root, spec.manifest.compatible));
    TRY(read_versions(root, "requires", spec.manifest.needs));
    TRY(read_versions(root, "conflicts", spec.manifest.conflicts));
    TRY(read_versions(root, "provides", spec.manifest.provides));
    TRY(read_host(root, spec.manifest.host));
    TRY(read_lists(root, spec.manifest));
    TRY(read_pack(root, spec));
    TRY(read_hooks(root, spec));
    TRY(root.done());
    return spec;
}

}  // namespace cutover
