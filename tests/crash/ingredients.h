#pragma once

// What the programs of this folder make devices and operations of.

#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/signing_key.h"
#include "model/operation.h"

namespace cutover {

inline constexpr auto kUserSetting = "hostname = set-by-the-user\n";

// A signer and the authority that devices trust, whose certificate goes to `folder`/trust.
Result<SigningKey> make_signer(const std::filesystem::path& folder, WallTime now);

Request request_of(OperationKind kind);
Request upgrade_to(const std::string& package);

}  // namespace cutover
