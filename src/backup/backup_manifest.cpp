#include "backup/backup_manifest.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "backup/errors.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "model/backups.h"
#include "model/generation.h"
#include "model/host_needs.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/version.h"

namespace cutover {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxPackages = 1000;
constexpr std::uint64_t kMiB = std::uint64_t{1024} * 1024;
constexpr std::string_view kTrust = "trust/";
constexpr std::string_view kKeys = "keys/";
constexpr std::string_view kPackages = "packages/";
constexpr std::size_t kDigestDigits = 64;
constexpr std::uint64_t kMostPackage = 4096 * kMiB;

struct Limit {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::array kLimits{
    Limit{kBackupDatabase, 1024 * kMiB}, Limit{"device.toml", kMiB},
    Limit{"known_hosts", kMiB},          Limit{"access/users.json", kMiB},
    Limit{"startup-config/about", kMiB}, Limit{"startup-config/config", 16 * kMiB},
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

Json to_json_value(const PackageRef& package) {
    return {{"kind", to_string(package.kind)},
            {"name", package.name},
            {"version", package.version.text()},
            {"digest", package.digest}};
}

// Reads members of an object; the first that is not as it must be is remembered.
class Fields {
public:
    explicit Fields(const Json& object) : object_(object) {}

    std::string text(const char* key) {
        const auto* const value = find(key);
        if (!value) return {};
        if (!value->is_string()) return bad(key), std::string();
        auto read = value->get<std::string>();
        if (read.size() > kMaxText) bad(key);
        return read;
    }
    std::int64_t number(const char* key) {
        const auto* const value = find(key);
        if (!value) return 0;
        if (!value->is_number_integer()) return bad(key), 0;
        const auto read = value->get<std::int64_t>();
        if (read < 0) bad(key);
        return read;
    }
    bool flag(const char* key) {
        const auto* const value = find(key);
        if (!value) return false;
        if (!value->is_boolean()) return bad(key), false;
        return value->get<bool>();
    }
    const Json& list(const char* key, std::size_t most) {
        static const Json none = Json::array();
        const auto* const value = find(key);
        if (!value) return none;
        if (!value->is_array() || value->size() > most) return bad(key), none;
        return *value;
    }
    const Json& object(const char* key) {
        static const Json none = Json::object();
        const auto* const value = find(key);
        return value ? *value : none;
    }
    void bad(std::string_view key) {
        if (problem_.empty()) problem_ = key;
    }
    Result<> done() const {
        if (problem_.empty()) return {};
        return fail(errors::backup_damaged, "its manifest has no usable '{}'", problem_);
    }

private:
    const Json* find(const char* key) {
        if (object_.is_object())
            if (const auto found = object_.find(key); found != object_.end()) return &*found;
        bad(key);
        return nullptr;
    }

    const Json& object_;
    std::string problem_;
};

Result<PackageRef> package_from(const Json& json) {
    Fields fields(json);
    PackageRef package;
    const auto kind = package_kind_from(fields.text("kind"));
    package.name = fields.text("name");
    const auto version = fields.text("version");
    package.digest = fields.text("digest");
    if (!kind) fields.bad("kind");
    if (!check_package_name(package.name)) fields.bad("name");
    auto parsed = Version::parse(version);
    if (!parsed) fields.bad("version");
    TRY(fields.done());
    package.kind = kind.value_or(PackageKind::base);
    package.version = *std::move(parsed);
    return package;
}

Result<BackupMember> member_from(const Json& json) {
    Fields fields(json);
    BackupMember member;
    member.name = fields.text("name");
    member.bytes = static_cast<std::uint64_t>(fields.number("bytes"));
    member.sha256 = fields.text("sha256");
    if (!digest_from_hex(member.sha256)) fields.bad("sha256");
    TRY(fields.done());
    const auto most = most_bytes_of_member(member.name);
    if (!most)
        return fail(errors::backup_damaged, "its manifest names a member unknown to backups");
    if (member.bytes > *most)
        return fail(errors::backup_damaged, "{} is said to have {} bytes, more than {}",
                    member.name, member.bytes, *most);
    return member;
}

}  // namespace

std::optional<std::uint64_t> most_bytes_of_member(std::string_view name) {
    const auto* const found = std::ranges::find(kLimits, name, &Limit::name);
    if (found != kLimits.end()) return found->bytes;
    constexpr std::uint64_t kMostOfKey = std::uint64_t{64} * 1024;
    if (name.starts_with(kKeys))
        return is_key_name(name.substr(kKeys.size())) ? std::optional(kMostOfKey) : std::nullopt;
    if (name.starts_with(kPackages)) {
        const auto digest = name.substr(kPackages.size());
        const bool plain = digest.size() == kDigestDigits && std::ranges::all_of(digest, is_hex);
        return plain ? std::optional(kMostPackage) : std::nullopt;
    }
    constexpr std::size_t kMostName = 90;  // that a tar header holds
    if (!name.starts_with(kTrust) || name.size() > kMostName) return std::nullopt;
    const auto file = name.substr(kTrust.size());
    const bool plain =
        !file.empty() && !file.starts_with('.') && std::ranges::all_of(file, [](char c) {
            return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '/';
        });
    return plain ? std::optional(kMiB) : std::nullopt;
}

bool is_backup_name(std::string_view name) {
    constexpr std::size_t kMostName = 64;
    return !name.empty() && name.size() <= kMostName && is_letter(name.front()) &&
           std::ranges::all_of(name, [](char c) {
               return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
           });
}

std::string identity_of(const Backup& backup) {
    std::string text = backup.uuid;
    for (const auto& member : backup.members) text += " " + member.sha256;
    return to_hex(sha256(text));
}

std::string to_json(const Backup& backup) {
    auto packages = Json::array();
    for (const auto& package : backup.packages) packages.push_back(to_json_value(package));
    auto members = Json::array();
    for (const auto& member : backup.members)
        members.push_back(
            {{"name", member.name}, {"bytes", member.bytes}, {"sha256", member.sha256}});
    const Json json{{"format", kFormat},
                    {"name", backup.name},
                    {"made", to_iso8601(backup.made)},
                    {"automatic", backup.automatic},
                    {"device", backup.device},
                    {"hardware", backup.hardware},
                    {"uuid", backup.uuid},
                    {"agent", backup.agent_version},
                    {"base", to_json_value(backup.base)},
                    {"packages", packages},
                    {"generation", backup.generation},
                    {"update-level", backup.update_level},
                    {"members", members}};
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Backup> parse_backup_manifest(std::string_view text) {
    if (text.size() > kMaxBackupManifest)
        return fail(errors::backup_damaged, "its manifest is too long");
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return fail(errors::backup_damaged, "its manifest is not JSON");
    Fields fields(json);
    const auto format = fields.number("format");
    TRY(fields.done());
    if (format > kFormat)
        return fail(errors::backup_newer, "it has format {}, this agent knows up to {}", format,
                    kFormat);
    Backup backup;
    backup.name = fields.text("name");
    const auto made = from_iso8601(fields.text("made"));
    backup.automatic = fields.flag("automatic");
    backup.device = fields.text("device");
    backup.hardware = fields.text("hardware");
    backup.uuid = fields.text("uuid");
    backup.agent_version = fields.text("agent");
    backup.generation = fields.number("generation");
    const auto level = fields.number("update-level");
    if (!made) fields.bad("made");
    constexpr std::int64_t kMostLevel = 1'000'000;
    if (level > kMostLevel) fields.bad("update-level");
    backup.base = TRY(package_from(fields.object("base")));
    for (const auto& package : fields.list("packages", kMaxPackages))
        backup.packages.push_back(TRY(package_from(package)));
    std::set<std::string> names;
    for (const auto& listed : fields.list("members", kMaxBackupMembers)) {
        auto member = TRY(member_from(listed));
        if (!names.insert(member.name).second)
            return fail(errors::backup_damaged, "its manifest names {} twice", member.name);
        backup.members.push_back(std::move(member));
    }
    TRY(fields.done());
    for (const auto name : {kBackupDatabase, std::string_view("device.toml")})
        if (!names.contains(std::string(name)))
            return fail(errors::backup_damaged, "it holds no {}", name);
    backup.made = *made;
    backup.update_level = static_cast<int>(level);
    return backup;
}

}  // namespace cutover
