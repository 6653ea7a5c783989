// Reading, verifying and decompressing in one thread, so that the caller's thread only writes.

#include "package/payload_stream.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zstd.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "package/chunk_index.h"
#include "package/errors.h"
#include "package/package_reader.h"
#include "package/tar.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxQueuedBytes = std::size_t{8} * 1024 * 1024;

struct FreeContext {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Turns frames into chunks, verifying.
class FrameReader {
public:
    FrameReader(tar::Reader& tar, const ChunkIndex& index, PayloadCheck check)
        : tar_(&tar), index_(&index), check_(check), context_(ZSTD_createDCtx()) {
        CUTOVER_CHECK(context_ != nullptr);
    }

    Result<std::vector<std::byte>> read(std::uint64_t number) {
        const auto chunk = index_->at(number);
        frame_.resize(chunk.frame_bytes);
        TRY(tar_->read(frame_));
        if (sha256(frame_) != chunk.frame)
            return fail(errors::package_chunk_damaged, "chunk {} of {} is damaged", number,
                        index_->count());
        if (check_ == PayloadCheck::all) stored_.update(frame_);
        return decompress(number, chunk);
    }

    // The digest of the member as it is stored; with PayloadCheck::all.
    Digest stored_digest() { return stored_.finish(); }

private:
    Result<std::vector<std::byte>> decompress(std::uint64_t number, const Chunk& chunk) {
        const bool one_frame_of_that_size =
            ZSTD_getFrameContentSize(frame_.data(), frame_.size()) == chunk.content_bytes &&
            ZSTD_findFrameCompressedSize(frame_.data(), frame_.size()) == frame_.size();
        std::vector<std::byte> content(one_frame_of_that_size ? chunk.content_bytes : 0);
        const auto size = one_frame_of_that_size
                              ? ZSTD_decompressDCtx(context_.get(), content.data(), content.size(),
                                                    frame_.data(), frame_.size())
                              : 0;
        if (ZSTD_isError(size) != 0 || size != chunk.content_bytes)
            return fail(errors::package_size_lie,
                        "chunk {} of {} does not decompress to the {} bytes that its index says",
                        number, index_->count(), chunk.content_bytes);
        if (check_ == PayloadCheck::all && sha256(content) != chunk.content)
            return fail(errors::package_chunk_damaged, "the content of chunk {} of {} is damaged",
                        number, index_->count());
        return content;
    }

    tar::Reader* tar_;
    const ChunkIndex* index_;
    PayloadCheck check_;
    std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
    std::vector<std::byte> frame_;
    Sha256 stored_;
};

class PayloadStream final : public ByteSource {
public:
    PayloadStream(tar::Reader& tar, const ChunkIndex& index, const MemberSpec& member,
                  PayloadCheck check)
        : tar_(&tar), index_(&index), member_(member), check_(check), frames_(tar, index, check) {
        reader_ = std::jthread([this](const std::stop_token& stop) { read_ahead(stop); });
    }

    Result<std::size_t> read(std::span<std::byte> buffer) override {
        std::size_t total = 0;
        while (total < buffer.size()) {
            if (taken_ == current_.size() && !TRY(next_chunk())) break;
            const auto count = std::min(buffer.size() - total, current_.size() - taken_);
            std::memcpy(buffer.data() + total, current_.data() + taken_, count);
            total += count;
            taken_ += count;
        }
        return total;
    }

private:
    // False at the end.
    Result<bool> next_chunk() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !queue_.empty() || ended_; });
        if (queue_.empty()) {
            if (error_) return std::unexpected(*error_);
            return false;
        }
        current_ = std::move(queue_.front());
        queue_.pop_front();
        queued_bytes_ -= current_.size();
        taken_ = 0;
        changed_.notify_all();
        return true;
    }

    void read_ahead(const std::stop_token& stop) {
        auto result = read_all(stop);
        const std::scoped_lock lock(mutex_);
        if (!result) error_ = std::move(result).error();
        ended_ = true;
        changed_.notify_all();
    }

    Result<> read_all(const std::stop_token& stop) {
        for (std::uint64_t i = 0; i < index_->count(); ++i) {
            auto chunk = TRY(frames_.read(i));
            // The last chunk waits until nothing more can be wrong.
            if (i + 1 == index_->count()) TRY(check_rest());
            if (!push(std::move(chunk), stop)) return {};
        }
        return {};
    }

    Result<> check_rest() {
        if (check_ == PayloadCheck::all && to_hex(frames_.stored_digest()) != member_.sha256)
            return fail(errors::package_member_changed, "the payload has another SHA-256");
        TRY(tar_->read_padding(member_.size_bytes));
        return check_package_end(*tar_, member_.name);
    }

    // False when the stream is being destroyed.
    bool push(std::vector<std::byte> chunk, const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        const bool has_room = changed_.wait(lock, stop, [&] {
            return queue_.empty() || queued_bytes_ + chunk.size() <= kMaxQueuedBytes;
        });
        if (!has_room) return false;
        queued_bytes_ += chunk.size();
        queue_.push_back(std::move(chunk));
        changed_.notify_all();
        return true;
    }

    // Of the reading thread.
    tar::Reader* tar_;
    const ChunkIndex* index_;
    MemberSpec member_;
    PayloadCheck check_;
    FrameReader frames_;

    // Shared.
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::vector<std::byte>> queue_;
    std::size_t queued_bytes_ = 0;
    std::optional<Error> error_;
    bool ended_ = false;

    // Of the caller.
    std::vector<std::byte> current_;
    std::size_t taken_ = 0;

    std::jthread reader_;  // last: it ends before the rest is destroyed
};

}  // namespace

Result<> check_package_end(tar::Reader& tar, const std::string& last_member) {
    const auto next = TRY(tar.next());
    if (next.end) return {};
    if (next.entry.name == last_member)
        return fail(errors::package_member_twice, "'{}'", next.entry.name);
    return fail(errors::package_member_unknown, "'{}' comes after the last member",
                next.entry.name);
}

std::unique_ptr<ByteSource> stream_payload(tar::Reader& tar, const ChunkIndex& index,
                                           const MemberSpec& member, PayloadCheck check) {
    return std::make_unique<PayloadStream>(tar, index, member, check);
}

}  // namespace cutover
