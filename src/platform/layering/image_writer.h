#pragma once

#include <cstdint>
#include <filesystem>

#include "base/byte_source.h"
#include "base/error.h"

namespace cutover {

// Writes a new file of exactly `size_bytes` bytes from `content` (slot.wrong_content when it has
// fewer or more). All its blocks are reserved before the first byte (slot.no_space); it is durable
// when this returns.
Result<> write_image(const std::filesystem::path& file, std::uint64_t size_bytes,
                     ByteSource& content);

// Reserves blocks up to `size_bytes`; slot.no_space when there are not as many. A file system that
// cannot reserve is no error: the space was checked before.
Result<> reserve_blocks(int fd, std::uint64_t size_bytes, const std::filesystem::path& file);

}  // namespace cutover
