#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cutover {

// Bytes at fixed places on a block device, or in a file that keeps its length. What a boot loader
// reads without a file system is written through this, so that a test can record every write and
// look at what a power cut would have left.
class BlockFile {
public:
    virtual ~BlockFile() = default;

    // Exactly `size` bytes, or an error.
    virtual Result<std::string> read(std::uint64_t offset, std::size_t size) const = 0;
    // Durable only after sync(). Power that fails before leaves any sector old or new.
    virtual Result<> write(std::uint64_t offset, std::string_view bytes) = 0;
    virtual Result<> sync() = 0;

    static Result<std::unique_ptr<BlockFile>> open(const std::filesystem::path& path);
};

}  // namespace cutover
