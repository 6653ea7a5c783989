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
inline constexpr auto kFactorySetting = "hostname = default\n";
inline constexpr auto kUserData = "routes.db";  // below the device's data

// What a backup is to bring back: in device.toml after its last line, and in the database.
inline constexpr auto kThen = "# then\n";
inline constexpr auto kNow = "# now\n";
inline constexpr auto kProof = "proof";  // the name of that backup

// Where services read their configuration, below the device's data.
inline constexpr auto kRendered = "configuration/running.json";

// A signer and the authority that devices trust, whose certificate goes to `folder`/trust.
Result<SigningKey> make_signer(const std::filesystem::path& folder, WallTime now);

Request request_of(OperationKind kind);
Request upgrade_to(const std::string& package);

}  // namespace cutover
