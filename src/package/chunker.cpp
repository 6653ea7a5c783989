#include "package/chunker.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"

namespace cutover {
namespace {

// One random number for each byte value. They are part of what makes builds reproducible: another
// table cuts the same content elsewhere.
constexpr std::array<std::uint64_t, 256> gear_table() {
    std::array<std::uint64_t, 256> table{};
    std::uint64_t state = 0x6375746f76657200;  // "cutover"
    for (auto& entry : table) {                // splitmix64
        state += 0x9e3779b97f4a7c15;
        auto mixed = state;
        mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111eb;
        entry = mixed ^ (mixed >> 31U);
    }
    return table;
}
constexpr auto kGear = gear_table();

// The hash shifts left, so its top bits depend on the most bytes.
std::uint64_t top_bits(unsigned count) {
    CUTOVER_CHECK(count > 0 && count <= 64);
    return ~std::uint64_t{0} << (64U - count);
}

}  // namespace

bool is_chunk_average(std::uint64_t bytes) {
    return std::has_single_bit(bytes) && bytes >= kLeastChunkAverage && bytes <= kMostChunkAverage;
}

Chunker::Chunker(std::uint32_t average, Sink sink)
    : average_(average),
      early_mask_(top_bits(std::bit_width(average) + 1U)),
      late_mask_(top_bits(std::bit_width(average) - 3U)),
      sink_(std::move(sink)) {
    CUTOVER_CHECK(is_chunk_average(average));
}

std::size_t Chunker::cut(std::span<const std::byte> bytes) const {
    const std::size_t longest = std::min<std::size_t>(bytes.size(), std::size_t{4} * average_);
    const std::size_t middle = std::min<std::size_t>(longest, average_);
    std::uint64_t hash = 0;
    std::size_t i = std::min<std::size_t>(longest, average_ / 4);
    for (; i < middle; ++i) {
        hash = (hash << 1U) + kGear[std::to_integer<std::size_t>(bytes[i])];
        if ((hash & early_mask_) == 0) return i + 1;
    }
    for (; i < longest; ++i) {
        hash = (hash << 1U) + kGear[std::to_integer<std::size_t>(bytes[i])];
        if ((hash & late_mask_) == 0) return i + 1;
    }
    return longest;
}

Result<> Chunker::emit(bool last) {
    const std::size_t enough = last ? 1 : std::size_t{4} * average_;
    while (pending_.size() - taken_ >= enough) {
        const auto rest = std::span<const std::byte>(pending_).subspan(taken_);
        const auto chunk = rest.first(cut(rest));
        TRY(sink_({chunk.begin(), chunk.end()}));
        taken_ += chunk.size();
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    return {};
}

Result<> Chunker::write(std::span<const std::byte> bytes) {
    // In steps, so that what is pending stays a few chunks.
    const std::size_t step = std::size_t{8} * average_;
    while (!bytes.empty()) {
        const auto part = bytes.first(std::min(bytes.size(), step));
        pending_.insert(pending_.end(), part.begin(), part.end());
        bytes = bytes.subspan(part.size());
        TRY(emit(false));
    }
    return {};
}

Result<> Chunker::finish() { return emit(true); }

}  // namespace cutover
