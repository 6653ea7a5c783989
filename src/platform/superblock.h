#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace cutover {

// What a file system says of itself at its beginning.
struct Superblock {
    std::string_view file_system;  // "squashfs", "ext4" or "erofs"
    std::uint64_t size_bytes = 0;  // how much of its device it uses
};

inline constexpr std::size_t kSuperblockBytes = 4096;  // enough of the beginning to find it

// Nothing when `head` begins none of the three. It looks at magic and size, not at whether the rest
// is whole.
std::optional<Superblock> find_superblock(std::span<const std::byte> head);

}  // namespace cutover
