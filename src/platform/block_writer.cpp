#include "platform/block_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <expected>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <span>
#include <sys/types.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "platform/errors.h"

namespace cutover {
namespace {

constexpr std::size_t kBlocks = 4;
constexpr std::uint64_t kFaultPointEvery = 64;  // blocks
constexpr std::uint64_t kSectorBytes = 512;     // the least that O_DIRECT can write
constexpr std::uint64_t kFlushEvery = 8;        // blocks that the page cache may gather

struct Block {
    AlignedBlock memory;
    std::uint64_t offset = 0;
    std::size_t size = 0;

    std::span<const std::byte> content() { return memory.all().first(size); }
};

bool all_zero(std::span<const std::byte> bytes) {
    return bytes.front() == std::byte{0} &&
           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

bool is_direct(int fd) { return (::fcntl(fd, F_GETFL) & O_DIRECT) != 0; }

// Starts writing out what the page cache gathered, and lets go of what is on the disk already: a
// large image must not push everything else out of memory, nor leave it all to one fsync.
void write_behind(int fd, std::uint64_t offset) {
    constexpr auto kWindow = static_cast<off_t>(kFlushEvery * kBlockBytes);
    const auto at = static_cast<off_t>(offset);
    (void)::sync_file_range(fd, at, kWindow, SYNC_FILE_RANGE_WRITE);
    if (at < kWindow) return;
    const auto before = at - kWindow;
    (void)::sync_file_range(
        fd, before, kWindow,
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    (void)::posix_fadvise(fd, before, kWindow, POSIX_FADV_DONTNEED);
}

Result<> write_block(const BlockTarget& target, Block& block) {
    const auto number = block.offset / kBlockBytes;
    if (number % kFaultPointEvery == 0) fault_point("slot.image_write");
    auto bytes = block.content();
    if (target.is_zero && all_zero(bytes)) return {};
    // The last block may be shorter than O_DIRECT can write.
    if (bytes.size() % kSectorBytes != 0) set_buffered(target.fd);
    auto offset = block.offset;
    while (!bytes.empty()) {
        const auto written =
            ::pwrite(target.fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EINVAL && set_buffered(target.fd)) continue;
        if (written < 0)
            return std::unexpected(errno_error(errno, fmt::format("write {}", target.name)));
        if (written == 0) return fail(Errc::no_space, "{} takes no more bytes", target.name);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        offset += static_cast<std::uint64_t>(written);
    }
    if (!is_direct(target.fd) && number % kFlushEvery == kFlushEvery - 1)
        write_behind(target.fd, block.offset + kBlockBytes - kFlushEvery * kBlockBytes);
    return {};
}

// The thread that writes, and the blocks that go to and from it.
class Writer {
public:
    explicit Writer(const BlockTarget& target) : target_(target) {
        for (auto& block : blocks_) free_.push_back(&block);
        thread_ = std::thread([this] { run(); });
    }
    ~Writer() { (void)finish(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    Result<Block*> next_free() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return error_ || !free_.empty(); });
        if (error_) return std::unexpected(*error_);
        return take(free_);
    }

    void give(Block* block) {
        const std::scoped_lock lock(mutex_);
        filled_.push_back(block);
        changed_.notify_all();
    }

    Result<> finish() {
        {
            const std::scoped_lock lock(mutex_);
            finished_ = true;
            changed_.notify_all();
        }
        if (thread_.joinable()) thread_.join();
        if (error_) return std::unexpected(*error_);
        return {};
    }

private:
    static Block* take(std::deque<Block*>& blocks) {
        auto* const block = blocks.front();
        blocks.pop_front();
        return block;
    }

    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return finished_ || !filled_.empty(); });
            if (filled_.empty()) return;
            auto* const block = take(filled_);
            lock.unlock();
            auto written = write_block(target_, *block);
            lock.lock();
            if (!written) {
                error_ = std::move(written).error();
                changed_.notify_all();
                return;
            }
            free_.push_back(block);
            changed_.notify_all();
        }
    }

    const BlockTarget& target_;
    std::array<Block, kBlocks> blocks_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Block*> free_;
    std::deque<Block*> filled_;
    std::optional<Error> error_;
    bool finished_ = false;
    std::thread thread_;
};

Result<> fill(Block& block, std::uint64_t size_bytes, ByteSource& content) {
    const auto wanted = std::min<std::uint64_t>(kBlockBytes, size_bytes - block.offset);
    block.size = TRY(content.read(block.memory.all().first(static_cast<std::size_t>(wanted))));
    if (block.size < wanted)
        return fail(errors::slot_wrong_content, "the image ends after {} of {} bytes",
                    block.offset + block.size, size_bytes);
    return {};
}

Result<> copy_blocks(std::uint64_t offset, std::uint64_t size_bytes, ByteSource& content,
                     Writer& writer) {
    for (; offset < size_bytes; offset += kBlockBytes) {
        auto* const block = TRY(writer.next_free());
        block->offset = offset;
        TRY(fill(*block, size_bytes, content));
        writer.give(block);
    }
    std::array<std::byte, 1> more{};
    if (TRY(content.read(more)) != 0)
        return fail(errors::slot_wrong_content, "the image is longer than {} bytes", size_bytes);
    return {};
}

Result<> make_durable(const BlockTarget& target) {
    fault_point("slot.image_fsync");
    TRY(sync_fd(target.fd, target.name));
    (void)::posix_fadvise(target.fd, 0, 0, POSIX_FADV_DONTNEED);
    fault_point("slot.image_synced");
    return {};
}

}  // namespace

bool set_buffered(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_DIRECT) == 0) return false;
    return ::fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0;
}

Result<> write_blocks(const BlockTarget& target, std::uint64_t size_bytes, ByteSource& content) {
    std::optional<Block> head;
    if (target.head_last && size_bytes > 0) TRY(fill(head.emplace(), size_bytes, content));
    {
        Writer writer(target);
        TRY(copy_blocks(head ? kBlockBytes : 0, size_bytes, content, writer));
        TRY(writer.finish());
    }
    TRY(make_durable(target));
    if (!head) return {};
    TRY(write_block(target, *head));
    return make_durable(target);
}

}  // namespace cutover
