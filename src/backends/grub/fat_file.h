#pragma once

#include <cstdint>
#include <string_view>

#include "base/block_file.h"
#include "base/error.h"

namespace cutover {

// Where on a FAT12 or FAT16 file system the bytes of a file in its root folder are. GRUB finds the
// file by the same folder, so both always mean the same bytes, also when these are damaged beyond
// recognition. (A search for the signature would not find a damaged block, and could find a copy
// that was deleted.)
//
// `name` is in capitals and without extension: "ENV0". The file must be `size` bytes long and
// lie in one cluster.
Result<std::uint64_t> find_fat_file(const BlockFile& file_system, std::string_view name,
                                    std::uint32_t size);

}  // namespace cutover
