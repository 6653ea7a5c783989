#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/trust_store.h"
#include "model/manifest.h"
#include "package/chunk_index.h"

namespace cutover {

struct HookFile {
    std::string name;  // "hooks/stop.sh"
    std::string content;
};

enum class PayloadCheck : std::uint8_t {
    frames,  // what an installation needs: each frame's digest, before it is decompressed
    all,     // also each chunk's digest and the member's own
};

// A package being read from front to back. Trust goes one way: the signature is checked over the
// manifest before the manifest is parsed, every later byte by a digest that the manifest or the
// chunk index holds before it is used.
class PackageReader {
public:
    // Reads and verifies everything up to the payload; `source` must outlive this and what
    // content() returns. When there is no payload, the end of the file is checked as well.
    static Result<PackageReader> open(ByteSource& source, const TrustStore& trust,
                                      const TrustTime& time);
    // For authors: a missing signature is no error, and nobody vouches for one that is there.
    static Result<PackageReader> open_unverified(ByteSource& source);

    PackageReader(PackageReader&&) noexcept;
    PackageReader& operator=(PackageReader&&) noexcept;
    ~PackageReader();

    const Manifest& manifest() const;
    const std::string& manifest_text() const;
    const Digest& manifest_digest() const;            // the package's identity
    const std::optional<SignerInfo>& signer() const;  // set unless open_unverified()
    const std::string& signature() const;             // DER; empty when there is none
    bool self_extracting() const;                     // the file begins with self_extractor()
    const ChunkIndex& index() const;
    const std::vector<HookFile>& hooks() const;

    // The payload, decompressed; may be called once. A thread of its own reads, verifies and
    // decompresses up to 8 MiB ahead. The last bytes are given out only after the rest of the file
    // was checked too: who has got all of them has got a whole and unchanged package. May be
    // destroyed at any time.
    std::unique_ptr<ByteSource> content(PayloadCheck check = PayloadCheck::frames);

private:
    struct State;
    explicit PackageReader(std::unique_ptr<State> state);
    static Result<PackageReader> open(ByteSource& source, const TrustStore* trust,
                                      const TrustTime& time);

    std::unique_ptr<State> state_;
};

// Reads the payload to its end with every check there is, and throws it away.
Result<> verify_payload(PackageReader& reader);

}  // namespace cutover
