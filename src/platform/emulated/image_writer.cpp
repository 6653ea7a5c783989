#include "platform/emulated/image_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "platform/emulated/errors.h"
#include "platform/errors.h"

namespace cutover {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1024} * 1024;
constexpr std::align_val_t kAlignment{4096};  // what O_DIRECT asks of memory, at most
constexpr std::size_t kBlocks = 4;
constexpr std::uint64_t kFaultPointEvery = 64;  // blocks

struct AlignedDelete {
    void operator()(std::byte* memory) const { ::operator delete[](memory, kAlignment); }
};

class Block {
public:
    Block() : memory_(new(kAlignment) std::byte[kBlockBytes]) {}
    std::span<std::byte> all() { return {memory_.get(), kBlockBytes}; }

    std::uint64_t offset = 0;
    std::size_t size = 0;

private:
    std::unique_ptr<std::byte[], AlignedDelete> memory_;  // NOLINT(modernize-avoid-c-arrays)
};

bool all_zero(std::span<const std::byte> bytes) {
    return bytes.front() == std::byte{0} &&
           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// The thread that writes, and the blocks that go to and from it.
class Writer {
public:
    Writer(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
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
            auto written = write_block(*block);
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

    Result<> write_block(Block& block) {
        if (block.offset / kBlockBytes % kFaultPointEvery == 0) fault_point("slot.image_write");
        auto bytes = std::span<const std::byte>(block.all().first(block.size));
        // Reserved blocks that were never written read as zeros.
        if (all_zero(bytes)) return {};
        // The last block may be shorter than O_DIRECT can write.
        if (bytes.size() < kBlockBytes) set_buffered();
        auto offset = block.offset;
        while (!bytes.empty()) {
            const auto written =
                ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0 && errno == EINVAL && set_buffered()) continue;
            if (written < 0)
                return std::unexpected(errno_error(errno, fmt::format("write {}", name_)));
            bytes = bytes.subspan(static_cast<std::size_t>(written));
            offset += static_cast<std::uint64_t>(written);
        }
        return {};
    }

    // True when that changed something.
    bool set_buffered() {
        const int flags = ::fcntl(fd_, F_GETFL);
        if (flags < 0 || (flags & O_DIRECT) == 0) return false;
        return ::fcntl(fd_, F_SETFL, flags & ~O_DIRECT) == 0;
    }

    int fd_;
    std::string name_;
    std::array<Block, kBlocks> blocks_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Block*> free_;
    std::deque<Block*> filled_;
    std::optional<Error> error_;
    bool finished_ = false;
    std::thread thread_;
};

Result<UniqueFd> open_new(const std::filesystem::path& file) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_TRUNC;
    auto direct = open_file(file, kFlags | O_DIRECT, 0600);
    if (direct) return direct;
    return open_file(file, kFlags, 0600);  // a file system without O_DIRECT
}

Result<> copy_blocks(ByteSource& content, std::uint64_t size_bytes, Writer& writer) {
    for (std::uint64_t offset = 0; offset < size_bytes;) {
        auto* const block = TRY(writer.next_free());
        const auto wanted = std::min<std::uint64_t>(kBlockBytes, size_bytes - offset);
        block->offset = offset;
        block->size = TRY(content.read(block->all().first(static_cast<std::size_t>(wanted))));
        if (block->size < wanted)
            return fail(errors::slot_wrong_content, "the image ends after {} of {} bytes",
                        offset + block->size, size_bytes);
        writer.give(block);
        offset += wanted;
    }
    std::array<std::byte, 1> more{};
    if (TRY(content.read(more)) != 0)
        return fail(errors::slot_wrong_content, "the image is longer than {} bytes", size_bytes);
    return {};
}

}  // namespace

Result<> reserve_blocks(int fd, std::uint64_t size_bytes, const std::filesystem::path& file) {
    if (size_bytes == 0 || ::fallocate(fd, 0, 0, static_cast<off_t>(size_bytes)) == 0) return {};
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return fail(errors::slot_no_space, "cannot reserve {} bytes for {}", size_bytes,
                    file.string());
    return {};
}

Result<> write_image(const std::filesystem::path& file, std::uint64_t size_bytes,
                     ByteSource& content) {
    const auto fd = TRY(open_new(file));
    TRY(reserve_blocks(fd.get(), size_bytes, file));
    if (::ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0)
        return std::unexpected(errno_error(errno, fmt::format("extend {}", file.string())));
    fault_point("slot.image_reserved");
    {
        Writer writer(fd.get(), file.string());
        TRY(copy_blocks(content, size_bytes, writer));
        TRY(writer.finish());
    }
    fault_point("slot.image_fsync");
    TRY(sync_fd(fd.get(), file.string()));
    fault_point("slot.image_synced");
    return {};
}

}  // namespace cutover
