// A chunk index: what is accepted is written again as the same bytes.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "package/chunk_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    const auto index = cutover::ChunkIndex::parse(bytes);
    if (!index) return 0;
    cutover::ChunkIndexWriter writer;
    for (std::uint64_t i = 0; i < index->count(); ++i) {
        const auto chunk = index->at(i);
        writer.add(chunk.content, chunk.content_bytes, chunk.frame, chunk.frame_bytes);
    }
    CUTOVER_CHECK(writer.finish() == bytes);
    return 0;
}
