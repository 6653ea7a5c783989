#include "platform/superblock.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace cutover {
namespace {

constexpr std::size_t kStart = 1024;  // of ext4's and erofs's superblock
constexpr std::uint64_t kTooLarge = std::numeric_limits<std::uint64_t>::max();

std::uint64_t little_endian(std::span<const std::byte> head, std::size_t offset, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = size; i > 0; --i)
        value = value << 8U | std::to_integer<std::uint64_t>(head[offset + i - 1]);
    return value;
}

// A size that no disk has, where the product of two fields of a superblock does not fit.
std::uint64_t blocks_to_bytes(std::uint64_t blocks, std::uint64_t bits) {
    if (bits > 24 || blocks > kTooLarge >> bits) return kTooLarge;
    return blocks << bits;
}

std::uint64_t ext4_bytes(std::span<const std::byte> head) {
    constexpr std::uint64_t k64Bit = 0x80;
    const bool wide = (little_endian(head, kStart + 0x60, 4) & k64Bit) != 0;
    const auto low = little_endian(head, kStart + 0x04, 4);
    const auto high = wide ? little_endian(head, kStart + 0x150, 4) : 0;
    return blocks_to_bytes(high << 32U | low, 10 + little_endian(head, kStart + 0x18, 4));
}

}  // namespace

std::optional<Superblock> find_superblock(std::span<const std::byte> head) {
    if (head.size() < 2 * kStart) return std::nullopt;
    if (little_endian(head, 0, 4) == 0x73717368)  // "hsqs"
        return Superblock{.file_system = "squashfs", .size_bytes = little_endian(head, 40, 8)};
    if (little_endian(head, kStart, 4) == 0xe0f5e1e2)
        return Superblock{.file_system = "erofs",
                          .size_bytes = blocks_to_bytes(little_endian(head, kStart + 36, 4),
                                                        little_endian(head, kStart + 12, 1))};
    if (little_endian(head, kStart + 56, 2) == 0xef53)
        return Superblock{.file_system = "ext4", .size_bytes = ext4_bytes(head)};
    return std::nullopt;
}

}  // namespace cutover
