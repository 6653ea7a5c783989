#include "access/identities.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/core.h>

#include "access/audit_line.h"
#include "access/caller.h"
#include "access/errors.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/security_config.h"

namespace cutover {
namespace {

constexpr std::size_t kNameBuffer = std::size_t{64} * 1024;
constexpr int kMaxGroups = 1024;

struct LocalUser {
    std::string name;  // "uid 1000" where it has none
    gid_t group = 0;
    bool known = false;
};

LocalUser local_user(uid_t uid) {
    std::vector<char> buffer(kNameBuffer);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return {.name = fmt::format("uid {}", uid)};
    return {.name = entry.pw_name, .group = entry.pw_gid, .known = true};
}

std::vector<gid_t> groups_of(const LocalUser& user) {
    if (!user.known) return {};
    int count = kMaxGroups;
    std::vector<gid_t> groups(kMaxGroups);
    if (::getgrouplist(user.name.c_str(), user.group, groups.data(), &count) < 0)
        count = kMaxGroups;  // those that fit
    groups.resize(static_cast<std::size_t>(count));
    return groups;
}

std::optional<gid_t> group_id(const std::string& name) {
    std::vector<char> buffer(kNameBuffer);
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr)
        return std::nullopt;
    return entry.gr_gid;
}

std::optional<Role> role_of(const LocalUser& user, const SecurityConfig& config) {
    if (const auto row = config.local.find(user.name); row != config.local.end())
        return row->second;
    const auto groups = groups_of(user);
    std::optional<Role> highest;
    for (const auto& [name, role] : config.local) {
        if (!name.starts_with('@') || (highest && *highest >= role)) continue;
        const auto id = group_id(name.substr(1));
        if (id && std::ranges::find(groups, *id) != groups.end()) highest = role;
    }
    return highest;
}

}  // namespace

Result<Caller> identify_certificate(const Presented& presented, const SecurityConfig& config) {
    for (const auto& name : presented.certificate_names)
        if (const auto row = config.certificates.find(name); row != config.certificates.end())
            return Caller{.name = name,
                          .proof = Proof::certificate,
                          .from = presented.from,
                          .role = row->second};
    return fail(errors::access_unknown, "the certificate of {} has no role",
                presented.certificate_names.front());
}

Result<Caller> identify_local(const Presented& presented, const SecurityConfig& config) {
    if (!presented.local_user) return fail(errors::access_unknown, "the kernel names no user");
    const auto uid = static_cast<uid_t>(*presented.local_user);
    const auto user = local_user(uid);
    const bool owner = uid == 0 || uid == ::geteuid();
    const auto role = owner ? std::optional(Role::admin) : role_of(user, config);
    if (!role) return fail(errors::access_unknown, "the local user {} has no role", user.name);
    return Caller{.name = user.name, .proof = Proof::local, .from = presented.from, .role = *role};
}

std::string_view proof_name(Proof proof) {
    switch (proof) {
        case Proof::local: return "local";
        case Proof::certificate: return "certificate";
        case Proof::password: return "password";
        case Proof::plaintext: return "plaintext";
    }
    CUTOVER_CHECK(false);
    return {};
}

AuditEntry refusal_entry(const Presented& presented, std::string_view method, const Error& why,
                         WallTime now) {
    AuditEntry entry{.time = to_iso8601(now),
                     .proof = "none",
                     .from = presented.from,
                     .method = std::string(method),
                     .result = why.id,
                     .detail = why.text()};
    if (presented.user) {
        entry.who = *presented.user;
        entry.proof = "password";
    } else if (!presented.certificate_names.empty()) {
        entry.who = presented.certificate_names.front();
        entry.proof = "certificate";
    } else if (presented.local_user) {
        entry.who = local_user(static_cast<uid_t>(*presented.local_user)).name;
        entry.proof = "local";
    }
    return entry;
}

}  // namespace cutover
