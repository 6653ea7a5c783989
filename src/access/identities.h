#pragma once

#include <string_view>

#include "access/audit_line.h"
#include "access/caller.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/security_config.h"

namespace cutover {

// The first of the certificate's names that has a row counts.
Result<Caller> identify_certificate(const Presented& presented, const SecurityConfig& config);

// The agent's own user and root are admins. Of others a row for the user counts, else the highest
// of those for its groups.
Result<Caller> identify_local(const Presented& presented, const SecurityConfig& config);

std::string_view proof_name(Proof proof);  // "certificate"

// Who it was that is not known, as far as they told.
AuditEntry refusal_entry(const Presented& presented, std::string_view method, const Error& why,
                         WallTime now);

}  // namespace cutover
