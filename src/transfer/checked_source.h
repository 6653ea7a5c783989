#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/byte_source.h"
#include "base/error.h"
#include "crypto/digest.h"

namespace cutover {

// "https://host/nos.cc#sha256=0123...": a URL that says what its bytes are.
struct PinnedUrl {
    std::string url;  // without it
    std::optional<Digest> digest;
};
// transfer.bad_checksum when there is one that is none. A path is taken as it is.
Result<PinnedUrl> split_checksum(const std::string& file_or_url);

// Gives out what `inner` does, and its end only if all of it has that digest
// (transfer.wrong_checksum).
std::unique_ptr<ByteSource> checked_source(std::unique_ptr<ByteSource> inner,
                                           const Digest& expected, std::string name);

}  // namespace cutover
