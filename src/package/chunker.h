#pragma once

// Cuts content into chunks at places that the content itself decides, so that an insertion changes
// the chunks around it and leaves the others as they were (FastCDC: a gear hash over the last 64
// bytes, with a harder condition before the average size than after it).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/error.h"

namespace cutover {

inline constexpr std::uint32_t kDefaultChunkAverage = std::uint32_t{64} * 1024;
inline constexpr std::uint32_t kLeastChunkAverage = std::uint32_t{1} * 1024;
inline constexpr std::uint32_t kMostChunkAverage = std::uint32_t{1} * 1024 * 1024;

// A power of two from 1 KiB to 1 MiB.
bool is_chunk_average(std::uint64_t bytes);

class Chunker {
public:
    using Sink = std::function<Result<>(std::vector<std::byte> chunk)>;

    // `sink` is given each chunk; the chunks have average/4 to average*4 bytes, the last one maybe
    // fewer.
    Chunker(std::uint32_t average, Sink sink);

    Result<> write(std::span<const std::byte> bytes);
    Result<> finish();

private:
    std::size_t cut(std::span<const std::byte> bytes) const;
    Result<> emit(bool last);

    std::uint32_t average_;
    std::uint64_t early_mask_;
    std::uint64_t late_mask_;
    Sink sink_;
    std::vector<std::byte> pending_;
    std::size_t taken_ = 0;  // of pending_
};

}  // namespace cutover
