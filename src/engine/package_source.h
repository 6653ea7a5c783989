#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/manifest.h"

namespace cutover {

// A package whose signature and manifest have been verified.
class OpenedPackage {
public:
    virtual ~OpenedPackage() = default;
    virtual const Manifest& manifest() const = 0;
    virtual const std::string& digest() const = 0;  // of manifest.json: the package's identity
    virtual WallTime signed_at() const = 0;
    // Writes the hooks, each verified, below `folder` under their member names.
    virtual Result<> unpack_hooks(const std::filesystem::path& folder) = 0;
    // The payload; not a byte of it comes out unverified, and its end only if all of it was right.
    virtual Result<std::unique_ptr<ByteSource>> content() = 0;
};

// Where packages come from. `not_before` is a time that certainly has come: the clock may be wrong.
class PackageSource {
public:
    virtual ~PackageSource() = default;
    virtual Result<std::unique_ptr<OpenedPackage>> open(const std::string& file_or_url,
                                                        WallTime not_before,
                                                        std::stop_token stop) = 0;
};

}  // namespace cutover
