#include "package/chunk_index.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <zstd.h>

#include "base/error.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "package/errors.h"

namespace cutover {
namespace {

constexpr std::string_view kMagic = "CUTOVERX";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kHeaderSize = 40;
constexpr std::size_t kEntrySize = 80;

// Numbers are little-endian.
template <std::unsigned_integral Number>
void put(std::string& bytes, Number number) {
    for (std::size_t i = 0; i < sizeof(Number); ++i)
        bytes += static_cast<char>((number >> (8 * i)) & 0xffU);
}

template <std::unsigned_integral Number>
Number get(std::string_view bytes, std::size_t at) {
    Number number = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i)
        number |= static_cast<Number>(Number{static_cast<unsigned char>(bytes[at + i])} << (8 * i));
    return number;
}

void put(std::string& bytes, const Digest& digest) {
    bytes.append(reinterpret_cast<const char*>(digest.bytes.data()), Digest::kSize);
}

Digest get_digest(std::string_view bytes, std::size_t at) {
    Digest digest;
    std::memcpy(digest.bytes.data(), bytes.data() + at, Digest::kSize);
    return digest;
}

std::string header(std::uint32_t longest_chunk, std::uint64_t count, std::uint64_t content_bytes,
                   std::uint64_t frame_bytes) {
    std::string bytes(kMagic);
    put(bytes, kFormat);
    put(bytes, longest_chunk);
    put(bytes, count);
    put(bytes, content_bytes);
    put(bytes, frame_bytes);
    return bytes;
}

}  // namespace

Chunk ChunkIndex::at(std::uint64_t i) const {
    CUTOVER_CHECK(i < count_);
    const auto start = kHeaderSize + (static_cast<std::size_t>(i) * kEntrySize);
    return Chunk{.content = get_digest(bytes_, start),
                 .content_bytes = get<std::uint32_t>(bytes_, start + 32),
                 .frame = get_digest(bytes_, start + 36),
                 .frame_bytes = get<std::uint32_t>(bytes_, start + 68),
                 .frame_offset = get<std::uint64_t>(bytes_, start + 72)};
}

Result<ChunkIndex> ChunkIndex::parse(std::string bytes) {
    if (bytes.size() < kHeaderSize || bytes.size() > kMaxChunkIndexBytes ||
        !bytes.starts_with(kMagic) || get<std::uint32_t>(bytes, 8) != kFormat)
        return fail(errors::package_bad_index, "chunks.idx is not a chunk index of format {}",
                    kFormat);
    ChunkIndex index;
    index.longest_chunk_ = get<std::uint32_t>(bytes, 12);
    index.count_ = get<std::uint64_t>(bytes, 16);
    index.content_bytes_ = get<std::uint64_t>(bytes, 24);
    index.frame_bytes_ = get<std::uint64_t>(bytes, 32);
    const auto entries = bytes.size() - kHeaderSize;
    if (entries % kEntrySize != 0 || index.count_ != entries / kEntrySize)
        return fail(errors::package_bad_index, "chunks.idx has {} bytes for {} chunks",
                    bytes.size(), index.count_);
    index.bytes_ = std::move(bytes);

    std::uint64_t content_bytes = 0;
    std::uint64_t frame_bytes = 0;
    std::uint32_t longest = 0;
    for (std::uint64_t i = 0; i < index.count_; ++i) {
        const auto chunk = index.at(i);
        const bool fits = chunk.content_bytes > 0 && chunk.content_bytes <= kMaxChunkBytes &&
                          chunk.frame_bytes > 0 &&
                          chunk.frame_bytes <= ZSTD_compressBound(chunk.content_bytes);
        if (!fits || chunk.frame_offset != frame_bytes)
            return fail(errors::package_bad_index, "chunk {} has an impossible size or place", i);
        content_bytes += chunk.content_bytes;
        frame_bytes += chunk.frame_bytes;
        longest = std::max(longest, chunk.content_bytes);
    }
    if (content_bytes != index.content_bytes_ || frame_bytes != index.frame_bytes_ ||
        longest != index.longest_chunk_)
        return fail(errors::package_bad_index, "the sums of chunks.idx do not add up");
    return index;
}

void ChunkIndexWriter::add(const Digest& content, std::uint32_t content_bytes, const Digest& frame,
                           std::uint32_t frame_bytes) {
    put(entries_, content);
    put(entries_, content_bytes);
    put(entries_, frame);
    put(entries_, frame_bytes);
    put(entries_, frame_bytes_);
    ++count_;
    longest_chunk_ = std::max(longest_chunk_, content_bytes);
    content_bytes_ += content_bytes;
    frame_bytes_ += frame_bytes;
}

std::string ChunkIndexWriter::finish() const {
    return header(longest_chunk_, count_, content_bytes_, frame_bytes_) + entries_;
}

}  // namespace cutover
