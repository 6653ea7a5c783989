#include "package/partial_file.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "package/tar.h"

namespace cutover {

PartialFile::PartialFile(UniqueFd fd, std::filesystem::path path, std::filesystem::path final_path)
    : fd_(std::move(fd)), path_(std::move(path)), final_path_(std::move(final_path)) {}

PartialFile::PartialFile(PartialFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      final_path_(std::move(other.final_path_)),
      written_(other.written_) {}

PartialFile::~PartialFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

Result<PartialFile> PartialFile::create(const std::filesystem::path& final_path,
                                        std::string_view suffix) {
    // The process id: two builds into one folder must not share a file.
    auto path = final_path;
    path += fmt::format("{}.{}", suffix, ::getpid());
    auto fd = TRY(open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
    return PartialFile(std::move(fd), std::move(path), final_path);
}

Result<> PartialFile::write(std::string_view bytes) {
    TRY(write_all(fd_.get(), std::as_bytes(std::span(bytes)), path_.string()));
    written_ += bytes.size();
    return {};
}

Result<> PartialFile::write_member(std::string_view name, std::string_view content) {
    TRY(write(tar::header(name, content.size())));
    TRY(write(content));
    return write(std::string(tar::padding(content.size()), '\0'));
}

Result<> PartialFile::copy_from(int fd, std::uint64_t offset, std::string_view what) {
    std::vector<std::byte> buffer(std::size_t{256} * 1024);
    for (;;) {
        const auto got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(errno_error(errno, fmt::format("read {}", what)));
        if (got == 0) return {};
        const auto part = std::span<const std::byte>(buffer).first(static_cast<std::size_t>(got));
        TRY(write_all(fd_.get(), part, path_.string()));
        offset += part.size();
        written_ += part.size();
    }
}

Result<> PartialFile::make_executable() {
    constexpr mode_t kExecutable = 0755;
    if (::fchmod(fd_.get(), kExecutable) != 0)
        return std::unexpected(errno_error(errno, "chmod " + path_.string()));
    return {};
}

Result<> PartialFile::commit() {
    fault_point("package.sync");
    TRY(sync_fd(fd_.get(), path_.string()));
    TRY(rename_durably(path_, final_path_));
    path_.clear();
    return {};
}

}  // namespace cutover
