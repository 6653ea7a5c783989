// A manifest: what is accepted and of our own schema is written again as the same bytes.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "model/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto manifest = cutover::parse_manifest(text);
    if (!manifest || manifest->schema_minor > cutover::kSchemaMinor) return 0;
    CUTOVER_CHECK(cutover::to_json(*manifest) == text);
    return 0;
}
