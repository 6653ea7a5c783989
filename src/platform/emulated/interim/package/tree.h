#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/byte_source.h"
#include "base/error.h"
namespace cutover {
struct TreeLimits {
    std::uint64_t max_bytes = 0;
};
Result<> unpack_tree(ByteSource& content, const std::filesystem::path& target,
                     const TreeLimits& limits, const std::function<void(std::uint64_t)>& written);
}  // namespace cutover
