#include "backends/block/partition.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <linux/fs.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "backends/block/errors.h"
#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "platform/block_writer.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxMountInfo = std::size_t{4} * 1024 * 1024;

// What a path leads to, whatever its name.
struct Identity {
    bool is_block = false;
    dev_t device = 0;
    ino_t inode = 0;  // of a plain file
    bool operator==(const Identity&) const = default;
};

Result<Identity> identify(const struct stat& info, const fs::path& path) {
    if (S_ISBLK(info.st_mode)) return Identity{.is_block = true, .device = info.st_rdev};
    if (S_ISREG(info.st_mode)) return Identity{.device = info.st_dev, .inode = info.st_ino};
    return fail(errors::slot_no_partition, "{} is neither a block device nor a file",
                path.string());
}

Result<Identity> identify(const fs::path& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0)
        return fail(errors::slot_no_partition, "{}",
                    errno_error(errno, fmt::format("find {}", path.string())).message);
    return identify(info, path);
}

// Where a block device is mounted; empty when nowhere.
Result<std::string> mount_point(dev_t device) {
    const auto text = TRY(read_file("/proc/self/mountinfo", kMaxMountInfo));
    const auto wanted = fmt::format("{}:{}", major(device), minor(device));
    std::string_view rest = text;
    while (!rest.empty()) {
        auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        // "36 35 98:0 /mnt1 /mnt2 rw,noatime ...": the third field is the device, the fifth where.
        const auto next = [&line] {
            const auto field = line.substr(0, line.find(' '));
            line.remove_prefix(std::min(line.size(), field.size() + 1));
            return field;
        };
        next();
        next();
        if (next() != wanted) continue;
        next();
        return std::string(next());
    }
    return std::string();
}

Result<UniqueFd> open_past_the_cache(const fs::path& path) {
    auto direct = open_file(path, O_RDONLY | O_DIRECT);
    if (direct) return direct;
    auto fd = TRY(open_file(path, O_RDONLY));  // a file system without O_DIRECT
    (void)::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    return fd;
}

}  // namespace

Result<std::uint64_t> Partition::size_bytes() const {
    (void)TRY(identify(path_));
    const auto fd = TRY(open_file(path_, O_RDONLY));
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0)
        return std::unexpected(errno_error(errno, fmt::format("look at {}", path_.string())));
    if (S_ISREG(info.st_mode)) return static_cast<std::uint64_t>(info.st_size);
    std::uint64_t size = 0;
    if (::ioctl(fd.get(), BLKGETSIZE64, &size) != 0)
        return std::unexpected(errno_error(errno, fmt::format("ask {} its size", path_.string())));
    return size;
}

Result<> Partition::read_at(std::uint64_t offset, std::span<std::byte> buffer) const {
    (void)TRY(identify(path_));
    const auto fd = TRY(open_file(path_, O_RDONLY));
    while (!buffer.empty()) {
        const auto got =
            ::pread(fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return std::unexpected(errno_error(errno, fmt::format("read {}", path_.string())));
        if (got == 0) return fail(Errc::io, "{} ends at {}", path_.string(), offset);
        buffer = buffer.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return {};
}

Result<> Partition::read_from_disk(
    std::uint64_t size_bytes,
    const std::function<Result<>(std::span<const std::byte>)>& sink) const {
    (void)TRY(identify(path_));
    const auto fd = TRY(open_past_the_cache(path_));
    AlignedBlock block;
    for (std::uint64_t offset = 0; offset < size_bytes;) {
        const auto got =
            ::pread(fd.get(), block.all().data(), kBlockBytes, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EINVAL && set_buffered(fd.get())) continue;
        if (got < 0)
            return std::unexpected(errno_error(errno, fmt::format("read {}", path_.string())));
        if (got == 0) return fail(Errc::io, "{} ends at {}", path_.string(), offset);
        const auto wanted =
            std::min<std::uint64_t>(static_cast<std::uint64_t>(got), size_bytes - offset);
        TRY(sink(block.all().first(static_cast<std::size_t>(wanted))));
        offset += wanted;
    }
    return {};
}

Result<UniqueFd> WritablePartition::open() const {
    const auto mine = TRY(identify(path_));
    // A slot that cannot be found cannot be told from this one either.
    if (mine == TRY(identify(never_)))
        return fail(errors::slot_one_partition, "{} and {} are the same", path_.string(),
                    never_.string());
    if (mine.is_block)
        if (const auto at = TRY(mount_point(mine.device)); !at.empty())
            return fail(errors::slot_mounted, "{} is mounted at {}", path_.string(), at);

    // O_EXCL: the kernel refuses a block device that a file system, a mapping or swap has taken,
    // and keeps them away while we write.
    const int flags = O_RDWR | (mine.is_block ? O_EXCL : 0);
    UniqueFd fd(::open(path_.c_str(), flags | O_DIRECT | O_CLOEXEC));
    if (!fd && errno == EINVAL)  // a file system without O_DIRECT
        fd.reset(::open(path_.c_str(), flags | O_CLOEXEC));
    if (!fd && mine.is_block && errno == EBUSY)
        return fail(errors::slot_mounted, "{} is in use", path_.string());
    if (!fd) return std::unexpected(errno_error(errno, fmt::format("open {}", path_.string())));
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0)
        return std::unexpected(errno_error(errno, fmt::format("look at {}", path_.string())));
    // The link was turned between looking and opening.
    if (TRY(identify(info, path_)) != mine)
        return fail(errors::slot_one_partition, "{} is another partition than just now",
                    path_.string());
    return fd;
}

}  // namespace cutover
