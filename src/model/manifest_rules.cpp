// What a manifest may say.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/host_needs.h"
#include "model/manifest.h"
#include "model/manifest_errors.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxList = 256;
constexpr std::size_t kMaxMemberName = 100;  // what a tar header holds

bool printable(std::string_view text) {
    return std::ranges::none_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<> check_text(std::string_view text, std::string_view what) {
    if (text.empty() || text.size() > kMaxText || !printable(text))
        return fail(errors::manifest_invalid,
                    "{}: a text of 1 to {} characters without control characters is needed", what,
                    kMaxText);
    return {};
}

Result<> check_count(std::size_t count, std::string_view what) {
    if (count > kMaxList) return fail(errors::manifest_invalid, "more than {} {}", kMaxList, what);
    return {};
}

Result<> check_texts(const std::vector<std::string>& texts, std::string_view what) {
    TRY(check_count(texts.size(), what));
    for (const auto& text : texts) TRY(check_text(text, what));
    return {};
}

bool valid_environment_name(std::string_view name) {
    const auto letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !name.empty() && name.size() <= kMaxText && letter(name.front()) &&
           std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// An identifier of YANG (RFC 7950, section 6.2).
bool valid_module_name(std::string_view name) {
    const auto letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !name.empty() && name.size() <= kMaxText && letter(name.front()) &&
           std::ranges::all_of(name, [&](char c) {
               return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
           });
}

bool valid_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    return error == std::errc{} && stop == end && port > 0 && text.front() != '0';
}

// "host:port"; with `host_may_miss` also "port" alone.
bool valid_address(std::string_view text, bool host_may_miss) {
    const auto colon = text.rfind(':');
    if (colon == text.npos) return host_may_miss && !text.empty() && valid_port(text);
    const auto port = text.substr(colon + 1);
    return colon > 0 && !port.empty() && valid_port(port) && printable(text) &&
           text.find(' ') == text.npos;
}

Result<> check_duration(std::chrono::milliseconds duration, std::string_view what) {
    if (duration < 1ms || duration > 24h)
        return fail(errors::manifest_invalid, "{} must be between 1 ms and 24 h", what);
    return {};
}

Result<> check_service(const ServiceSpec& service) {
    TRY(check_package_name(service.name));
    if (service.command.empty()) return fail(errors::manifest_invalid, "it has no command");
    TRY(check_texts(service.command, "words of the command"));
    TRY(check_count(service.environment.size(), "environment variables"));
    for (const auto& [name, value] : service.environment)
        if (!valid_environment_name(name) || value.size() > kMaxText || !printable(value))
            return fail(errors::manifest_invalid, "environment '{}' is not valid", name);
    TRY(check_count(service.listen.size(), "addresses to listen on"));
    for (const auto& address : service.listen)
        if (!address.starts_with("tcp:") || !valid_address(address.substr(4), true))
            return fail(errors::manifest_invalid,
                        "listen '{}' is not like \"tcp:8080\" or \"tcp:127.0.0.1:8080\"", address);
    TRY(check_texts(service.hook, "words of the hook"));
    if (service.on_change == OnChange::hook && service.hook.empty())
        return fail(errors::manifest_invalid, "on-change is \"hook\", and it has no hook");
    constexpr std::array<std::string_view, 3> kReloadSignals{"HUP", "USR1", "USR2"};
    TRY(check_count(service.config.size(), "modules of a service"));
    for (const auto& module : service.config)
        if (!valid_module_name(module))
            return fail(errors::manifest_invalid, "config '{}' is no name of a YANG module",
                        module);
    if (std::ranges::find(kReloadSignals, service.reload_signal) == kReloadSignals.end())
        return fail(errors::manifest_invalid, "reload-signal '{}' is not HUP, USR1 or USR2",
                    service.reload_signal);
    return check_duration(service.start_timeout, "start-timeout");
}

Result<> check_touch(const TouchSpec& touch) {
    TRY(check_package_name(touch.name));
    TRY(check_texts(touch.hook, "words of the hook"));
    TRY(check_texts(touch.unhook, "words of unhook"));
    const bool hooked = touch.on_change == OnChange::hook;
    if (hooked != !touch.hook.empty() || hooked != !touch.unhook.empty())
        return fail(errors::manifest_invalid,
                    "on-change \"hook\" needs hook and unhook, and nothing else has them");
    return {};
}

// What only one kind of package has.
Result<> check_kind(const Manifest& manifest) {
    const auto only = [&](PackageKind kind, bool present, std::string_view what) -> Result<> {
        if (!present || manifest.kind == kind) return {};
        return fail(errors::manifest_invalid, "{} is for {} packages, not for a {} package", what,
                    to_string(kind), to_string(manifest.kind));
    };
    TRY(only(PackageKind::hardware, !manifest.supports.empty(), "[hardware] supports"));
    TRY(only(PackageKind::patch, !manifest.replaces.empty(), "[patch] replaces"));
    TRY(only(PackageKind::pack, manifest.level > 0, "[pack] level"));
    TRY(check_texts(manifest.supports, "supported hardware ids"));
    TRY(check_count(manifest.replaces.size(), "replaced patches"));
    for (const auto& name : manifest.replaces)
        if (name != "*") TRY(check_package_name(name), "replaces");
    if (manifest.kind != PackageKind::pack) return {};
    const bool brings = !manifest.services.empty() || !manifest.touches.empty() ||
                        !manifest.health.empty() || !manifest.persist.empty();
    if (manifest.level == 0 || manifest.includes.empty() || brings ||
        manifest.payload.type != PayloadType::tree)
        return fail(errors::manifest_invalid,
                    "a pack has a level and members, and what it brings is in its members");
    if (manifest.compatible.base.any())
        return fail(errors::manifest_invalid,
                    "a pack says which bases it is for, as [compatible] base");
    return {};
}

// A schema path from the top: "/dev:devices/device".
bool valid_schema_path(std::string_view path) {
    if (!path.starts_with('/') || path.size() < 2 || path.size() > kMaxText) return false;
    bool top = true;
    return std::ranges::all_of(path.substr(1) | std::views::split('/'), [&](const auto& part) {
        const std::string_view name(part.begin(), part.end());
        const auto colon = name.find(':');
        const bool has_module = colon != name.npos;
        const bool valid = (!has_module || valid_module_name(name.substr(0, colon))) &&
                           valid_module_name(has_module ? name.substr(colon + 1) : name);
        const bool is_first = std::exchange(top, false);
        return valid && (has_module || !is_first);
    });
}

// Two major versions at once, and what is bound to one of them.
Result<> check_side_by_side(const Manifest& manifest) {
    if (manifest.side_by_side && manifest.kind != PackageKind::feature)
        return fail(errors::manifest_invalid,
                    "side-by-side is for feature packages, not for a {} package",
                    to_string(manifest.kind));
    const auto& instances = manifest.instances;
    if (instances == InstancesSpec{}) return {};
    if (!manifest.side_by_side)
        return fail(errors::manifest_invalid, "[instances] is for packages that are side-by-side");
    if (!valid_schema_path(instances.path))
        return fail(errors::manifest_invalid,
                    "instances: '{}' is no path of a list like \"/module:top/list\"",
                    instances.path);
    if (!valid_module_name(instances.bound_by))
        return fail(errors::manifest_invalid, "instances: '{}' is no name of a leaf",
                    instances.bound_by);
    if (!instances.value.empty()) TRY(check_text(instances.value, "instances: value"));
    return {};
}

Result<> check_included(const IncludedPackage& included) {
    constexpr std::size_t kDigits = 64;
    TRY(check_package_name(included.name));
    const bool digest =
        included.digest.empty() ||
        (included.digest.size() == kDigits &&
         included.digest.find_first_not_of("0123456789abcdef") == std::string::npos);
    if (!digest) return fail(errors::manifest_invalid, "its digest is no SHA-256");
    return {};
}

Result<> check_health(const HealthSpec& health) {
    TRY(check_text(health.name, "name"));
    const int ways = (health.http.empty() ? 0 : 1) + (health.tcp.empty() ? 0 : 1) +
                     (health.exec.empty() ? 0 : 1);
    if (ways != 1) return fail(errors::manifest_invalid, "it needs one of http, tcp and exec");
    const bool is_url = health.http.starts_with("http://") || health.http.starts_with("https://");
    if (!health.http.empty() && (!is_url || health.http.size() > kMaxText ||
                                 !printable(health.http) || health.http.contains(' ')))
        return fail(errors::manifest_invalid, "'{}' is not an http or https URL", health.http);
    if (!health.tcp.empty() && (health.tcp.size() > kMaxText || !valid_address(health.tcp, false)))
        return fail(errors::manifest_invalid, "'{}' is not like \"127.0.0.1:8080\"", health.tcp);
    TRY(check_texts(health.exec, "words of exec"));
    TRY(check_duration(health.timeout, "timeout"));
    TRY(check_duration(health.interval, "interval"));
    if (health.retries < 1 || health.retries > 10000)
        return fail(errors::manifest_invalid, "retries must be between 1 and 10000");
    return {};
}

template <typename Items, typename Check>
Result<> check_named(const Items& items, std::string_view what, Check check) {
    TRY(check_count(items.size(), what));
    std::set<std::string_view> names;
    for (const auto& item : items) {
        TRY(check(item), "{} '{}'", what, item.name);
        if (!names.insert(item.name).second)
            return fail(errors::manifest_invalid, "{} '{}' is there twice", what, item.name);
    }
    return {};
}

Result<> check_payload(const Manifest& manifest) {
    constexpr auto kMaxPayloadBytes = std::uint64_t{1} << 48U;
    const auto& payload = manifest.payload;
    const bool none = payload.type == PayloadType::none;
    const bool empty =
        payload.content_bytes == 0 && payload.installed_bytes == 0 && payload.chunk_count == 0;
    if (none != empty)
        return fail(errors::manifest_invalid, "a payload of type {} cannot have {} bytes",
                    to_string(payload.type), payload.content_bytes);
    if (payload.content_bytes > kMaxPayloadBytes || payload.installed_bytes > kMaxPayloadBytes ||
        payload.chunk_count > payload.content_bytes)
        return fail(errors::manifest_invalid, "the sizes of the payload are out of range");
    if (payload.type == PayloadType::image && payload.installed_bytes != payload.content_bytes)
        return fail(errors::manifest_invalid, "an image needs as many bytes as it has");
    const bool needs_payload = manifest.kind == PackageKind::base &&
                               payload.type != PayloadType::image &&
                               payload.type != PayloadType::tree;
    if (needs_payload)
        return fail(errors::manifest_invalid, "a base package needs a payload: an image or a tree");
    return {};
}

Result<> check_member(const MemberSpec& member) {
    if (!is_member_name(member.name))
        return fail(errors::manifest_invalid, "'{}' is not the name of a member", member.name);
    if (member.sha256.size() != 64 ||
        member.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
        return fail(errors::manifest_invalid, "member '{}' has no SHA-256", member.name);
    const bool hook = member.name.starts_with("hooks/");
    const auto most = hook                          ? kMaxHookBytes
                      : member.name == "chunks.idx" ? kMaxChunkIndexBytes
                                                    : std::uint64_t{1} << 48U;
    if (member.size_bytes > most)
        return fail(errors::manifest_invalid, "member '{}' has more than {} bytes", member.name,
                    most);
    return {};
}

// chunks.idx, hooks/ in order, payload.
Result<> check_members(const Manifest& manifest) {
    const auto& members = manifest.members;
    if (members.size() > kMaxHooks + 2)
        return fail(errors::manifest_invalid, "more than {} members", kMaxHooks + 2);
    for (const auto& member : members) TRY(check_member(member));
    auto hooks = std::ranges::subrange(members.begin(), members.end());
    if (manifest.payload.type != PayloadType::none) {
        if (members.size() < 2 || members.front().name != "chunks.idx" ||
            members.back().name != "payload")
            return fail(errors::manifest_invalid,
                        "the members must be chunks.idx, hooks/ and payload, in this order");
        hooks = {members.begin() + 1, members.end() - 1};
    }
    std::uint64_t total = 0;
    for (const auto& hook : hooks) {
        if (!hook.name.starts_with("hooks/"))
            return fail(errors::manifest_invalid, "'{}' is not a member, or not at its place",
                        hook.name);
        total += hook.size_bytes;
    }
    if (total > kMaxHooksBytes)
        return fail(errors::manifest_invalid, "the hooks have more than {} bytes", kMaxHooksBytes);
    const bool ascending =
        std::ranges::adjacent_find(hooks, [](const MemberSpec& a, const MemberSpec& b) {
            return a.name >= b.name;
        }) == hooks.end();
    if (!ascending) return fail(errors::manifest_invalid, "the hooks are not in order");
    return {};
}

Result<> check_hooks(const Manifest& manifest) {
    const auto is_member = [&](std::string_view name) {
        return name.starts_with("hooks/") &&
               std::ranges::find(manifest.members, name, &MemberSpec::name) !=
                   manifest.members.end();
    };
    for (const auto& [stage, member] : manifest.hooks) {
        if (!stage_from(stage))
            return fail(errors::manifest_invalid, "hook for an unknown stage '{}'", stage);
        if (!is_member(member))
            return fail(errors::manifest_invalid, "the hook '{}' is not in the package", member);
    }
    TRY(check_count(manifest.config_modules.size(), "configuration modules"));
    for (const auto& module : manifest.config_modules)
        if (!is_member(module))
            return fail(errors::manifest_invalid, "the module '{}' is not in the package", module);
    const auto& folder = manifest.config_migrations;
    if (!folder.empty() && (!folder.starts_with("hooks/") || !is_member_name(folder)))
        return fail(errors::manifest_invalid, "migrations '{}' are not in hooks/", folder);
    return {};
}

template <typename Map>
Result<> check_relations(const Map& packages, std::string_view what) {
    TRY(check_count(packages.size(), what));
    for (const auto& [name, version] : packages) TRY(check_package_name(name), "{}", what);
    return {};
}

}  // namespace

Result<> check_package_name(std::string_view name) {
    constexpr std::size_t kMaxName = 64;
    const auto alphanumeric = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    };
    const bool valid = !name.empty() && name.size() <= kMaxName && alphanumeric(name.front()) &&
                       std::ranges::all_of(name, [&](char c) {
                           return alphanumeric(c) || c == '.' || c == '_' || c == '+' || c == '-';
                       });
    if (valid) return {};
    return fail(errors::manifest_invalid,
                "'{}' is not a name: 1 to {} of a-z 0-9 . _ + -, beginning with a letter or digit",
                name, kMaxName);
}

bool is_relative_path(std::string_view path) {
    if (path.empty() || path.size() > kMaxText || !printable(path)) return false;
    return std::ranges::all_of(path | std::views::split('/'), [](const auto& component) {
        const std::string_view name(component.begin(), component.end());
        return !name.empty() && name != "." && name != "..";
    });
}

bool is_member_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("._+-@/").contains(c);
    };
    return name.size() <= kMaxMemberName && is_relative_path(name) &&
           std::ranges::all_of(name, allowed);
}

Result<> validate(const Manifest& manifest) {
    TRY(check_package_name(manifest.name));
    if (!manifest.summary.empty()) TRY(check_text(manifest.summary, "summary"));
    if (!from_iso8601(manifest.created))
        return fail(errors::manifest_invalid, "created '{}' is not a time", manifest.created);
    TRY(check_payload(manifest));
    TRY(check_texts(manifest.compatible.hardware, "hardware ids"));
    TRY(check_texts(manifest.compatible.architecture, "architectures"));
    TRY(check_relations(manifest.needs, "required packages"));
    TRY(check_relations(manifest.conflicts, "conflicting packages"));
    TRY(check_relations(manifest.provides, "provided packages"));
    TRY(check_kind(manifest));
    TRY(check_side_by_side(manifest));
    TRY(check_named(manifest.includes, "included package", check_included));
    TRY(check_named(manifest.services, "service", check_service));
    TRY(check_named(manifest.touches, "touched service", check_touch));
    TRY(check_named(manifest.health, "health check", check_health));
    TRY(check_texts(manifest.programs, "required programs"));
    TRY(check_count(manifest.persist.size(), "persistent paths"));
    for (const auto& path : manifest.persist)
        if (!is_relative_path(path))
            return fail(errors::manifest_invalid,
                        "persist '{}' is not a path relative to the package's root without '..'",
                        path);
    TRY(validate(manifest.host));
    TRY(check_members(manifest));
    return check_hooks(manifest);
}

}  // namespace cutover
