#pragma once

// Compresses chunks on all cores and writes the frames in their order.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "package/chunk_index.h"

namespace cutover {

class FrameWriter {
public:
    struct Options {
        int level = 9;         // zstd's
        unsigned threads = 0;  // 0: one a core
    };
    using Sink = std::function<Result<>(std::span<const std::byte> frame)>;

    FrameWriter(const Options& options, Sink sink);
    ~FrameWriter();
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;

    Result<> add(std::vector<std::byte> chunk);
    Result<> finish();  // all frames are written
    const ChunkIndexWriter& index() const;

private:
    struct Pool;
    Result<> write_front();

    std::unique_ptr<Pool> pool_;
    Sink sink_;
};

}  // namespace cutover
