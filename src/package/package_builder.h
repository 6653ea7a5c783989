#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "model/package_spec.h"

namespace cutover {

struct BuildRequest {
    PackageSpec spec;
    std::filesystem::path folder;  // what the spec's paths are relative to
    std::filesystem::path output;
    WallTime created{};
    int level = 9;                 // zstd's
    unsigned threads = 0;          // 0: one a core
    bool self_extracting = false;  // begins with self_extractor(), and is executable
    // Called now and then; `total` is an estimate.
    std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> on_progress;
};

struct BuildResult {
    Manifest manifest;
    Digest manifest_digest;
    std::uint64_t file_bytes = 0;
};

// Writes an unsigned package. The same spec, input, `created`, level and version of zstd give the
// same bytes. The output appears at once and whole, or not at all.
Result<BuildResult> build_package(const BuildRequest& request);

}  // namespace cutover
