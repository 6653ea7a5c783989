#pragma once

#include <cstdint>
#include <filesystem>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"

namespace cutover {

// Disk blocks below `folder`, those of hard links once.
std::uint64_t used_bytes(const std::filesystem::path& folder);

// Unpacks the tree that `manifest` promises into the new folder `root`. Its room is held by
// `reserve_file`, on the same file system, and given up piece by piece; the file is gone when this
// returns well. slot.wrong_content when the content is shorter or longer than promised. Not synced.
Result<> write_tree(const std::filesystem::path& root, const std::filesystem::path& reserve_file,
                    const Manifest& manifest, ByteSource& content);

}  // namespace cutover
