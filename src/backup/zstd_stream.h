#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace cutover {

// Compresses what is written into a file.
class ZstdWriter {
public:
    ZstdWriter(int fd, std::string what);
    Result<> write(std::span<const std::byte> bytes);
    Result<> end();

private:
    struct Free {
        void operator()(ZSTD_CCtx_s* context) const;
    };
    Result<> compress(std::span<const std::byte> bytes, bool last);

    int fd_;
    std::string what_;
    std::unique_ptr<ZSTD_CCtx_s, Free> context_;
    std::vector<std::byte> out_;
};

// What `compressed`, which must outlive it, holds: one frame with a checksum, and nothing after it.
class ZstdSource final : public ByteSource {
public:
    explicit ZstdSource(ByteSource& compressed);
    Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
    struct Free {
        void operator()(ZSTD_DCtx_s* context) const;
    };
    Result<> refill();

    ByteSource& compressed_;
    std::unique_ptr<ZSTD_DCtx_s, Free> context_;
    std::vector<std::byte> in_;
    std::span<const std::byte> rest_;
    bool begun_ = false;
    bool ended_ = false;
};

}  // namespace cutover
