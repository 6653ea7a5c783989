#include "engine/lent_stream.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/manifest.h"
#include "transfer/errors.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxHeaders = std::size_t{1024} * 1024;
// All that a package may have before its payload.
constexpr std::size_t kMaxHead =
    kMaxManifestBytes + kMaxChunkIndexBytes + kMaxHooksBytes + kMaxHeaders;

}  // namespace

class LentStream::View final : public ByteSource {
public:
    View(std::shared_ptr<LentStream> stream, std::chrono::milliseconds stall_timeout,
         std::stop_token stop)
        : stream_(std::move(stream)), stall_timeout_(stall_timeout), stop_(std::move(stop)) {}

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        const auto count = TRY(stream_->read(at_, buffer, stall_timeout_, stop_));
        at_ += count;
        return count;
    }

private:
    std::shared_ptr<LentStream> stream_;
    std::chrono::milliseconds stall_timeout_;
    std::stop_token stop_;
    std::size_t at_ = 0;
};

Result<std::unique_ptr<ByteSource>> LentStream::open(std::chrono::milliseconds stall_timeout,
                                                     std::stop_token stop) {
    if (taken_ > head_.size())
        return fail(errors::transfer_broken, "a stream comes only once, and has gone by");
    return std::make_unique<View>(shared_from_this(), stall_timeout, std::move(stop));
}

Result<std::size_t> LentStream::read(std::size_t at, std::span<std::byte> buffer,
                                     std::chrono::milliseconds stall_timeout,
                                     const std::stop_token& stop) {
    std::size_t got = 0;
    if (at < head_.size()) {
        got = std::min(buffer.size(), head_.size() - at);
        std::ranges::copy(std::span(head_).subspan(at, got), buffer.begin());
    }
    if (got == buffer.size()) return got;
    const auto rest = buffer.subspan(got);
    const auto more = TRY(pipe_->read(rest, stall_timeout, stop));
    taken_ += more;
    keeps_ = keeps_ && taken_ <= kMaxHead;
    if (keeps_)
        head_.insert(head_.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(more));
    else
        head_ = {};  // whoever reads has passed it
    return got + more;
}

}  // namespace cutover
