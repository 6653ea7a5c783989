#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "crypto/digest.h"

namespace cutover {

struct Chunk {
    Digest content;  // its identity
    std::uint32_t content_bytes = 0;
    Digest frame;  // of the zstd frame in the member `payload`
    std::uint32_t frame_bytes = 0;
    std::uint64_t frame_offset = 0;
};

inline constexpr std::uint32_t kMaxChunkBytes = std::uint32_t{4} * 1024 * 1024;

// The member chunks.idx: the payload as a sequence of chunks. Kept as it is stored, 80 bytes a
// chunk, because there may be hundreds of thousands. docs/package-format.md has the layout.
class ChunkIndex {
public:
    ChunkIndex() = default;  // of a package without payload

    // Refuses whatever a builder would not have written: gaps, overlaps, sums that do not add up,
    // chunks that are empty or longer than the index says they may be.
    static Result<ChunkIndex> parse(std::string bytes);

    std::uint64_t count() const { return count_; }
    Chunk at(std::uint64_t i) const;  // i < count()
    std::uint32_t longest_chunk() const { return longest_chunk_; }
    std::uint64_t content_bytes() const { return content_bytes_; }
    std::uint64_t frame_bytes() const { return frame_bytes_; }  // the size of `payload`

private:
    std::string bytes_;
    std::uint64_t count_ = 0;
    std::uint32_t longest_chunk_ = 0;
    std::uint64_t content_bytes_ = 0;
    std::uint64_t frame_bytes_ = 0;
};

// Writes an index, chunk after chunk in the order of the payload.
class ChunkIndexWriter {
public:
    void add(const Digest& content, std::uint32_t content_bytes, const Digest& frame,
             std::uint32_t frame_bytes);
    std::string finish() const;
    std::uint64_t count() const { return count_; }
    std::uint64_t content_bytes() const { return content_bytes_; }
    std::uint64_t frame_bytes() const { return frame_bytes_; }

private:
    std::string entries_;
    std::uint64_t count_ = 0;
    std::uint32_t longest_chunk_ = 0;
    std::uint64_t content_bytes_ = 0;
    std::uint64_t frame_bytes_ = 0;
};

}  // namespace cutover
