#include "access/access.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "access/audit_line.h"
#include "access/audit_log.h"
#include "access/caller.h"
#include "access/errors.h"
#include "access/identities.h"
#include "access/method_roles.h"
#include "access/passwords.h"
#include "access/refusal_limit.h"
#include "access/users.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/password_hash.h"
#include "model/security_config.h"

namespace cutover {

namespace {

// Or may: a method without a row is taken for one that does.
bool changes_something(std::string_view method) {
    const auto* const row = find_method(method);
    return row == nullptr || row->audited;
}

AuditEntry entry_of(const Caller& caller, std::string_view method, std::string_view result,
                    std::string_view detail, WallTime now) {
    return {.time = to_iso8601(now),
            .who = caller.name,
            .proof = std::string(proof_name(caller.proof)),
            .from = caller.from,
            .role = std::string(role_name(caller.role)),
            .method = std::string(method),
            .result = std::string(result),
            .detail = std::string(detail)};
}

}  // namespace

struct Access::State {
    State(const std::filesystem::path& folder, SecurityConfig security, Log& log, ProcessKey key)
        : config(std::move(security)), passwords(folder, log, key), audit(folder, log, clock) {}

    bool may_write(std::string_view who, std::string_view refused_for, WallTime now) {
        const auto verdict = refusals.ask(who, refused_for, now);
        for (const auto& counted : verdict.counted) audit.append(counted);
        return verdict.written;
    }

    SecurityConfig config;
    SystemClock clock;
    Passwords passwords;
    AuditLog audit;
    RefusalLimit refusals;
};

Access::Access(std::unique_ptr<State> state) : state_(std::move(state)) {}

Access::~Access() {
    for (const auto& counted : state_->refusals.close()) state_->audit.append(counted);
}

Result<std::unique_ptr<Access>> Access::open(const std::filesystem::path& folder,
                                             const SecurityConfig& config, Log& log) {
    static_cast<void>(TRY(access_folder(folder)));
    const auto key = TRY(ProcessKey::make());
    auto state = std::make_unique<State>(folder, config, log, key);
    state->audit.open();
    return std::unique_ptr<Access>(new Access(std::move(state)));
}

// What is presented first in this order decides: who has a wrong password is not let in by
// something weaker.
Result<Caller> Access::identify(const Presented& presented) {
    if (presented.user) return state_->passwords.identify(presented, state_->clock.steady());
    if (!presented.certificate_names.empty())
        return identify_certificate(presented, state_->config);
    if (presented.local_user) return identify_local(presented, state_->config);
    if (presented.plaintext)
        return Caller{.name = "anybody",
                      .proof = Proof::plaintext,
                      .from = presented.from,
                      .role = *presented.plaintext};
    return fail(errors::access_unknown, "no password and no certificate came from {}",
                presented.from);
}

Result<> Access::permit(const Caller& caller, std::string_view method) const {
    const auto* const row = find_method(method);
    const auto needed = row == nullptr ? Role::admin : row->role;
    if (caller.role >= needed) return {};
    return fail(errors::access_role, "{} is {}, and {} needs the role {}", caller.name,
                role_name(caller.role), method, role_name(needed));
}

std::uint64_t Access::record_begun(const Caller& caller, std::string_view method,
                                   std::string_view detail) {
    if (!changes_something(method)) return 0;
    return state_->audit.append(
        entry_of(caller, method, kAuditBegun, detail, state_->clock.wall()));
}

void Access::record(const Caller& caller, std::string_view method, std::string_view result,
                    std::string_view detail, std::uint64_t begun) {
    const bool refused = result.starts_with("access.");
    if (!changes_something(method) && !refused) return;
    const auto now = state_->clock.wall();
    if (refused && !state_->may_write(caller.name, result, now)) return;
    auto entry = entry_of(caller, method, result, detail, now);
    entry.begun = begun;
    state_->audit.append(entry);
}

void Access::record_refusal(const Presented& presented, std::string_view method, const Error& why) {
    const auto now = state_->clock.wall();
    if (state_->may_write("", why.id, now))
        state_->audit.append(refusal_entry(presented, method, why, now));
}

}  // namespace cutover
