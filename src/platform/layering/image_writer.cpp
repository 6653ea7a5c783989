#include "platform/layering/image_writer.h"

#include <cerrno>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <sys/types.h>
#include <unistd.h>

#include <fmt/core.h>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "platform/block_writer.h"
#include "platform/errors.h"

namespace cutover {
namespace {

Result<UniqueFd> open_new(const std::filesystem::path& file) {
    constexpr int kFlags = O_RDWR | O_CREAT | O_TRUNC;
    auto direct = open_file(file, kFlags | O_DIRECT, 0600);
    if (direct) return direct;
    return open_file(file, kFlags, 0600);  // a file system without O_DIRECT
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
    return write_blocks({.fd = fd.get(), .name = file.string(), .is_zero = true}, size_bytes,
                        content);
}

}  // namespace cutover
