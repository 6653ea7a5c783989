// The tar stream of a tree.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "package/file_source.h"
#include "package/tree.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::uint64_t kInstalledBytes = 1'000'000;
    cutover::MemorySource source(std::string_view(reinterpret_cast<const char*>(data), size));
    const auto tree = cutover::check_tree(source, {.installed_bytes = kInstalledBytes});
    CUTOVER_CHECK(!tree || tree->installed_bytes == kInstalledBytes);
    return 0;
}
