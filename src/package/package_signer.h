#pragma once

#include <filesystem>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/signing_key.h"

namespace cutover {

// Puts a signature before the package at `input`, or replaces the one that is there, and writes the
// result to `output`, which may be the same file. Needs the key and nothing else. The whole package
// is checked first, so that no damaged one is ever signed.
Result<> sign_package(const std::filesystem::path& input, const std::filesystem::path& output,
                      const SigningKey& key, WallTime signing_time);

}  // namespace cutover
