#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_pipe.h"
#include "base/byte_source.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/manifest.h"
#include "platform/layers.h"

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
    // What a tree payload brings, as its outline; reads all of it.
    virtual Result<std::vector<LayerOutline::Entry>> entries() = 0;
    // The payload; not a byte of it comes out unverified, and its end only if all of it was right.
    virtual Result<std::unique_ptr<ByteSource>> content() = 0;
    // Makes the copy durable (open_copying()); refuses while it is not the whole package. To be
    // called once what content() returned is gone.
    virtual Result<> end_copy() { return fail(Errc::unsupported, "no copy was made"); }
};

// Where packages come from. `not_before` is a time that certainly has come: the clock may be wrong.
class PackageSource {
public:
    virtual ~PackageSource() = default;
    virtual Result<std::unique_ptr<OpenedPackage>> open(const std::string& file_or_url,
                                                        WallTime not_before,
                                                        std::stop_token stop) = 0;
    // The same, and its bytes are written to `copy`, a new file, as they are read.
    virtual Result<std::unique_ptr<OpenedPackage>> open_copying(
        const std::string& file_or_url, WallTime not_before, std::stop_token stop,
        const std::filesystem::path& /*copy*/) {
        return open(file_or_url, not_before, std::move(stop));
    }
    // A name for `file_or_url` under which open() finds it again and that may be kept and shown: a
    // URL may carry a password or a token. From any thread.
    virtual std::string hide(const std::string& file_or_url) { return file_or_url; }
    // A name under which open() finds a package that comes as a stream, and only once: it can be
    // opened again until its content is asked for. To be taken back once no operation wants it any
    // more. From any thread.
    virtual Result<std::string> lend(std::shared_ptr<BytePipe> /*package*/) {
        return fail(Errc::unsupported, "packages do not come as streams here");
    }
    virtual void take_back(const std::string& /*name*/) {}  // repeatable, and of any name
};

}  // namespace cutover
