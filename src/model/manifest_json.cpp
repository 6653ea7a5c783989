// The manifest as JSON.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "model/host_needs.h"
#include "model/manifest.h"
#include "model/manifest_errors.h"
#include "model/manifest_names.h"
#include "model/package_kind.h"
#include "model/version.h"

namespace cutover {
namespace {

using Json = nlohmann::json;  // an object's keys are sorted

constexpr std::size_t kMaxDepth = 8;

std::int64_t count_ms(std::chrono::milliseconds duration) { return duration.count(); }

Json service_json(const ServiceSpec& service) {
    Json json{{"name", service.name},
              {"command", service.command},
              {"environment", service.environment},
              {"listen", service.listen},
              {"on_change", to_string(service.on_change)},
              {"restart", to_string(service.restart)},
              {"ready", to_string(service.ready)},
              {"start_timeout_ms", count_ms(service.start_timeout)},
              {"reload_signal", service.reload_signal},
              {"hook", service.hook}};
    if (!service.config.empty()) json["config"] = service.config;
    return json;
}

Json touch_json(const TouchSpec& touch) {
    return {{"name", touch.name},
            {"on_change", to_string(touch.on_change)},
            {"hook", touch.hook},
            {"unhook", touch.unhook}};
}

Json health_json(const HealthSpec& health) {
    return {{"name", health.name},
            {"http", health.http},
            {"tcp", health.tcp},
            {"exec", health.exec},
            {"timeout_ms", count_ms(health.timeout)},
            {"interval_ms", count_ms(health.interval)},
            {"retries", health.retries}};
}

template <typename Items, typename Write>
Json list_json(const Items& items, Write write) {
    auto list = Json::array();
    for (const auto& item : items) list.push_back(write(item));
    return list;
}

template <typename Map>
Json versions_json(const Map& versions) {
    auto object = Json::object();
    for (const auto& [name, version] : versions) object[name] = version.text();
    return object;
}

Json host_json(const HostNeeds& needs) {
    return {{"os", versions_json(needs.os)},
            {"kernel", needs.kernel.text()},
            {"libraries", versions_json(needs.libraries)},
            {"keys", needs.keys},
            {"algorithms", needs.algorithms}};
}

// Reads the keys of one object. The first error is kept and makes the later calls do nothing, so
// that the reading of an object is a plain list of its keys.
class ObjectReader {
public:
    ObjectReader(const Json& json, std::string where) : where_(std::move(where)) {
        if (json.is_object())
            object_ = &json;
        else
            complain("", "an object");
    }

    bool has(const char* key) const { return object_ != nullptr && object_->contains(key); }

    void text(const char* key, std::string& value) {
        const auto* const json = find(key);
        if (json == nullptr) return;
        if (json->is_string())
            value = json->get_ref<const std::string&>();
        else
            complain(key, "a text");
    }

    template <typename Number>
    void number(const char* key, Number& value) {
        const auto* const json = find(key);
        if (json == nullptr) return;
        const auto most = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
        if (json->is_number_unsigned() && json->get<std::uint64_t>() <= most)
            value = static_cast<Number>(json->get<std::uint64_t>());
        else
            complain(key, "a whole number in range");
    }

    void duration(const char* key, std::chrono::milliseconds& value) {
        std::int32_t count = 0;
        number(key, count);
        value = std::chrono::milliseconds(count);
    }

    template <typename Enum, typename From>
    void name(const char* key, Enum& value, From from) {
        std::string text_value;
        text(key, text_value);
        if (error_) return;
        if (const auto found = from(text_value))
            value = *found;
        else
            complain(key, fmt::format("a known word, not '{}'", text_value));
    }

    template <typename Value>
    void parsed(const char* key, Value& value) {
        std::string text_value;
        text(key, text_value);
        if (!error_) take(Value::parse(text_value), key, value);
    }

    void texts(const char* key, std::vector<std::string>& value) {
        each(key, [&](const Json& json, const std::string&) -> Result<> {
            if (!json.is_string()) return fail(errors::manifest_invalid, "a text is needed");
            value.push_back(json.get_ref<const std::string&>());
            return {};
        });
    }

    // A list; `read` is given each member and its place in words.
    template <typename Read>
    void each(const char* key, Read read) {
        const auto* const list = find(key);
        if (list == nullptr) return;
        if (!list->is_array()) return complain(key, "a list");
        for (std::size_t i = 0; i < list->size() && !error_; ++i) {
            const auto place = fmt::format("{}{}[{}]", where_, key, i);
            if (auto done = read((*list)[i], place); !done)
                error_ = std::move(done).error().within(place);
        }
    }

    // An object whose keys are data; `read` is given each key and its text.
    template <typename Read>
    void entries(const char* key, Read read) {
        const auto* const object = find(key);
        if (object == nullptr) return;
        if (!object->is_object()) return complain(key, "an object");
        for (const auto& [name, value] : object->items()) {
            if (error_) return;
            if (!value.is_string()) return complain(key, "an object of texts");
            if (auto done = read(name, value.template get_ref<const std::string&>()); !done)
                error_ = std::move(done).error().within(fmt::format("{}{}.{}", where_, key, name));
        }
    }

    template <typename Read>
    void object(const char* key, Read read) {
        const auto* const json = find(key);
        if (json == nullptr) return;
        ObjectReader reader(*json, fmt::format("{}{}.", where_, key));
        read(reader);
        if (!error_ && reader.error_) error_ = std::move(reader.error_);
    }

    Result<> done() && {
        if (error_) return std::unexpected(*std::move(error_));
        return {};
    }

private:
    const Json* find(const char* key) {
        if (error_) return nullptr;
        const auto found = object_->find(key);
        if (found != object_->end()) return &*found;
        complain(key, "present");
        return nullptr;
    }
    void complain(std::string_view key, std::string_view wanted) {
        if (!error_)
            error_ = make_error(errors::manifest_invalid,
                                fmt::format("the manifest's {}{} must be {}", where_, key, wanted));
    }
    template <typename Value>
    void take(Result<Value> result, const char* key, Value& value) {
        if (result)
            value = *std::move(result);
        else
            complain(key, result.error().message);
    }

    const Json* object_ = nullptr;
    std::string where_;
    std::optional<Error> error_;
};

Result<ServiceSpec> read_service(const Json& json, const std::string& place) {
    ServiceSpec service;
    ObjectReader reader(json, place + ".");
    reader.text("name", service.name);
    reader.texts("command", service.command);
    reader.entries("environment", [&](const std::string& name, const std::string& value) {
        service.environment[name] = value;
        return Result<>();
    });
    reader.texts("listen", service.listen);
    reader.name("on_change", service.on_change, on_change_from);
    reader.name("restart", service.restart, restart_policy_from);
    reader.name("ready", service.ready, ready_when_from);
    reader.duration("start_timeout_ms", service.start_timeout);
    reader.text("reload_signal", service.reload_signal);
    reader.texts("hook", service.hook);
    if (json.contains("config")) reader.texts("config", service.config);
    TRY(std::move(reader).done());
    return service;
}

Result<TouchSpec> read_touch(const Json& json, const std::string& place) {
    TouchSpec touch;
    ObjectReader reader(json, place + ".");
    reader.text("name", touch.name);
    reader.name("on_change", touch.on_change, on_change_from);
    reader.texts("hook", touch.hook);
    reader.texts("unhook", touch.unhook);
    TRY(std::move(reader).done());
    return touch;
}

Result<HealthSpec> read_health(const Json& json, const std::string& place) {
    HealthSpec health;
    ObjectReader reader(json, place + ".");
    reader.text("name", health.name);
    reader.text("http", health.http);
    reader.text("tcp", health.tcp);
    reader.texts("exec", health.exec);
    reader.duration("timeout_ms", health.timeout);
    reader.duration("interval_ms", health.interval);
    reader.number("retries", health.retries);
    TRY(std::move(reader).done());
    return health;
}

Result<IncludedPackage> read_included(const Json& json, const std::string& place) {
    IncludedPackage included;
    ObjectReader reader(json, place + ".");
    reader.name("kind", included.kind, package_kind_from);
    reader.text("name", included.name);
    reader.parsed("version", included.version);
    reader.text("digest", included.digest);
    TRY(std::move(reader).done());
    return included;
}

Result<MemberSpec> read_member(const Json& json, const std::string& place) {
    MemberSpec member;
    ObjectReader reader(json, place + ".");
    reader.text("name", member.name);
    reader.number("size_bytes", member.size_bytes);
    reader.text("sha256", member.sha256);
    TRY(std::move(reader).done());
    return member;
}

template <typename Value>
auto appending_to(std::vector<Value>& list,
                  Result<Value> (*read)(const Json& json, const std::string& place)) {
    return [&list, read](const Json& json, const std::string& place) -> Result<> {
        list.push_back(TRY(read(json, place)));
        return {};
    };
}

template <typename Value>
auto versions_into(std::map<std::string, Value>& versions) {
    return [&versions](const std::string& name, const std::string& text) -> Result<> {
        versions[name] = TRY(Value::parse(text));
        return {};
    };
}

void read_nested(ObjectReader& reader, Manifest& manifest) {
    reader.object("payload", [&](ObjectReader& payload) {
        payload.name("type", manifest.payload.type, payload_type_from);
        payload.number("content_bytes", manifest.payload.content_bytes);
        payload.number("installed_bytes", manifest.payload.installed_bytes);
        payload.number("chunk_count", manifest.payload.chunk_count);
    });
    reader.object("compatible", [&](ObjectReader& compatible) {
        compatible.texts("hardware", manifest.compatible.hardware);
        compatible.texts("architecture", manifest.compatible.architecture);
        compatible.parsed("base", manifest.compatible.base);
        compatible.parsed("from", manifest.compatible.from);
    });
    reader.object("config", [&](ObjectReader& config) {
        config.texts("modules", manifest.config_modules);
        config.text("migrations", manifest.config_migrations);
    });
    if (!reader.has("instances")) return;
    reader.object("instances", [&](ObjectReader& instances) {
        instances.text("path", manifest.instances.path);
        instances.text("bound_by", manifest.instances.bound_by);
        instances.text("value", manifest.instances.value);
    });
}

void read_host(ObjectReader& reader, HostNeeds& needs) {
    reader.object("host", [&](ObjectReader& host) {
        host.entries("os", versions_into(needs.os));
        host.parsed("kernel", needs.kernel);
        host.entries("libraries", versions_into(needs.libraries));
        host.texts("keys", needs.keys);
        host.texts("algorithms", needs.algorithms);
    });
}

Result<Manifest> read_manifest(const Json& json) {
    Manifest manifest;
    ObjectReader reader(json, "");
    reader.object("schema", [&](ObjectReader& schema) {
        schema.number("major", manifest.schema_major);
        schema.number("minor", manifest.schema_minor);
    });
    reader.name("kind", manifest.kind, package_kind_from);
    reader.text("name", manifest.name);
    reader.parsed("version", manifest.version);
    reader.text("summary", manifest.summary);
    reader.number("epoch", manifest.epoch);
    reader.text("created", manifest.created);
    read_nested(reader, manifest);
    reader.entries("requires", versions_into(manifest.needs));
    reader.entries("conflicts", versions_into(manifest.conflicts));
    reader.entries("provides", versions_into(manifest.provides));
    reader.each("includes", appending_to(manifest.includes, read_included));
    reader.each("services", appending_to(manifest.services, read_service));
    reader.each("touches", appending_to(manifest.touches, read_touch));
    reader.each("health", appending_to(manifest.health, read_health));
    reader.texts("supports", manifest.supports);
    reader.texts("replaces", manifest.replaces);
    reader.number("level", manifest.level);
    reader.texts("programs", manifest.programs);
    reader.texts("persist", manifest.persist);
    reader.entries("hooks", [&](const std::string& stage, const std::string& member) {
        manifest.hooks[stage] = member;
        return Result<>();
    });
    if (json.contains("host")) read_host(reader, manifest.host);
    reader.each("members", appending_to(manifest.members, read_member));
    // Nothing else is ever written; what is, is no canonical manifest.
    if (reader.has("side_by_side")) manifest.side_by_side = json["side_by_side"] == true;
    TRY(std::move(reader).done());
    return manifest;
}

std::string dump(const Json& json) {
    // `replace`: text that is not UTF-8 cannot come back equal, and is refused by that.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<> check_schema(const Json& json) {
    const auto schema = json.is_object() ? json.find("schema") : json.end();
    const bool readable = schema != json.end() && schema->is_object() &&
                          schema->contains("major") && (*schema)["major"].is_number_unsigned();
    if (!readable) return fail(errors::manifest_invalid, "the manifest does not name its schema");
    const auto major = (*schema)["major"].get<std::uint64_t>();
    if (major != static_cast<std::uint64_t>(kSchemaMajor))
        return fail(errors::manifest_unknown_schema,
                    "the package's manifest has schema {}, this version of cutover knows {}", major,
                    kSchemaMajor);
    return {};
}

}  // namespace

std::string to_json(const Manifest& manifest) {
    Json json{
        {"schema", {{"major", manifest.schema_major}, {"minor", manifest.schema_minor}}},
        {"kind", to_string(manifest.kind)},
        {"name", manifest.name},
        {"version", manifest.version.text()},
        {"summary", manifest.summary},
        {"epoch", manifest.epoch},
        {"created", manifest.created},
        {"payload",
         {{"type", to_string(manifest.payload.type)},
          {"content_bytes", manifest.payload.content_bytes},
          {"installed_bytes", manifest.payload.installed_bytes},
          {"chunk_count", manifest.payload.chunk_count}}},
        {"compatible",
         {{"hardware", manifest.compatible.hardware},
          {"architecture", manifest.compatible.architecture},
          {"base", manifest.compatible.base.text()},
          {"from", manifest.compatible.from.text()}}},
        {"requires", versions_json(manifest.needs)},
        {"conflicts", versions_json(manifest.conflicts)},
        {"provides", versions_json(manifest.provides)},
        {"includes", list_json(manifest.includes,
                               [](const IncludedPackage& included) {
                                   return Json{{"kind", to_string(included.kind)},
                                               {"name", included.name},
                                               {"version", included.version.text()},
                                               {"digest", included.digest}};
                               })},
        {"services", list_json(manifest.services, service_json)},
        {"touches", list_json(manifest.touches, touch_json)},
        {"supports", manifest.supports},
        {"replaces", manifest.replaces},
        {"level", manifest.level},
        {"health", list_json(manifest.health, health_json)},
        {"programs", manifest.programs},
        {"persist", manifest.persist},
        {"hooks", manifest.hooks},
        {"config",
         {{"modules", manifest.config_modules}, {"migrations", manifest.config_migrations}}},
        {"members", list_json(manifest.members,
                              [](const MemberSpec& member) {
                                  return Json{{"name", member.name},
                                              {"size_bytes", member.size_bytes},
                                              {"sha256", member.sha256}};
                              })},
    };
    // Only where it says something: what other packages are written as stays as it is.
    if (manifest.side_by_side) json["side_by_side"] = true;
    if (const auto& instances = manifest.instances; instances != InstancesSpec{})
        json["instances"] = {
            {"path", instances.path}, {"bound_by", instances.bound_by}, {"value", instances.value}};
    if (!manifest.host.none()) json["host"] = host_json(manifest.host);
    return dump(json);
}

Result<Manifest> parse_manifest(std::string_view text) {
    if (text.size() > kMaxManifestBytes)
        return fail(errors::manifest_invalid, "the manifest has more than {} bytes",
                    kMaxManifestBytes);
    bool too_deep = false;
    const auto bound_depth = [&](int depth, Json::parse_event_t, const Json&) {
        too_deep = too_deep || depth > static_cast<int>(kMaxDepth);
        return !too_deep;
    };
    const auto json = Json::parse(text, bound_depth, false);
    if (too_deep || json.is_discarded() || !json.is_object())
        return fail(errors::manifest_invalid, "the manifest is not a JSON object");
    TRY(check_schema(json));
    if (dump(json) != text)
        return fail(errors::manifest_not_canonical,
                    "the manifest's keys are not sorted, or it has white space or a key twice");
    auto manifest = TRY(read_manifest(json));
    // Of the schema that we write ourselves we know every key; a newer minor one may have more.
    if (manifest.schema_minor <= kSchemaMinor && to_json(manifest) != text)
        return fail(errors::manifest_not_canonical,
                    "the manifest has an unknown key, or a value that is not in its usual form");
    TRY(validate(manifest));
    return manifest;
}

}  // namespace cutover
