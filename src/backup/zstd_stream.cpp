#include "backup/zstd_stream.h"

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <zstd.h>

#include "backup/errors.h"
#include "base/byte_source.h"
#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

constexpr int kLevel = 6;
constexpr std::size_t kDescriptorAt = 4;  // of a frame, after its magic number (RFC 8878)
constexpr std::byte kHasChecksum{4};
constexpr int kMostWindow = 23;  // 8 MiB, whatever the file asks for

}  // namespace

void ZstdWriter::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void ZstdSource::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

ZstdWriter::ZstdWriter(int fd, std::string what)
    : fd_(fd), what_(std::move(what)), context_(ZSTD_createCCtx()), out_(ZSTD_CStreamOutSize()) {
    CUTOVER_CHECK(context_ != nullptr);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

Result<> ZstdWriter::write(std::span<const std::byte> bytes) { return compress(bytes, false); }

Result<> ZstdWriter::end() { return compress({}, true); }

Result<> ZstdWriter::compress(std::span<const std::byte> bytes, bool last) {
    ZSTD_inBuffer in{.src = bytes.data(), .size = bytes.size(), .pos = 0};
    for (;;) {
        ZSTD_outBuffer out{.dst = out_.data(), .size = out_.size(), .pos = 0};
        const auto left =
            ZSTD_compressStream2(context_.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        CUTOVER_CHECK(ZSTD_isError(left) == 0);  // there is no content that cannot be compressed
        TRY(write_all(fd_, std::span(out_).first(out.pos), what_));
        if (last ? left == 0 : in.pos == in.size) return {};
    }
}

ZstdSource::ZstdSource(ByteSource& compressed)
    : compressed_(compressed), context_(ZSTD_createDCtx()), in_(ZSTD_DStreamInSize()) {
    CUTOVER_CHECK(context_ != nullptr);
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMostWindow);
}

Result<> ZstdSource::refill() {
    const auto got = TRY(compressed_.read(in_));
    rest_ = std::span(in_).first(got);
    if (std::exchange(begun_, true) || got <= kDescriptorAt) return {};
    // Without its checksum, what no digest covers could be changed.
    if ((in_[kDescriptorAt] & kHasChecksum) == std::byte{0})
        return fail(errors::backup_damaged, "it cannot be decompressed: it has no checksum");
    return {};
}

Result<std::size_t> ZstdSource::read(std::span<std::byte> buffer) {
    ZSTD_outBuffer out{.dst = buffer.data(), .size = buffer.size(), .pos = 0};
    while (out.pos < out.size && !ended_) {
        if (rest_.empty()) TRY(refill());
        ZSTD_inBuffer in{.src = rest_.data(), .size = rest_.size(), .pos = 0};
        const auto before = out.pos;
        const auto left = ZSTD_decompressStream(context_.get(), &out, &in);
        if (ZSTD_isError(left) != 0)
            return fail(errors::backup_damaged, "it cannot be decompressed: {}",
                        ZSTD_getErrorName(left));
        const bool cut = in.size == 0 && out.pos == before;
        rest_ = rest_.subspan(in.pos);
        ended_ = left == 0;
        if (cut && !ended_) return fail(errors::backup_damaged, "it ends too early");
    }
    if (ended_ && rest_.empty()) TRY(refill());
    if (ended_ && !rest_.empty()) return fail(errors::backup_damaged, "something comes after it");
    return out.pos;
}

}  // namespace cutover
