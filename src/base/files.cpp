#include "base/files.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX, not in <cstdlib>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

fs::path parent_of(const fs::path& path) {
    const auto parent = path.parent_path();
    return parent.empty() ? fs::path(".") : parent;
}

}  // namespace

Result<UniqueFd> open_file(const fs::path& path, int flags, mode_t mode) {
    for (;;) {
        UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
        if (fd) return fd;
        if (errno != EINTR)
            return std::unexpected(errno_error(errno, fmt::format("open {}", path.string())));
    }
}

Result<> write_all(int fd, std::span<const std::byte> bytes, std::string_view what) {
    while (!bytes.empty()) {
        const auto written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return std::unexpected(errno_error(errno, fmt::format("write {}", what)));
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

Result<std::size_t> read_up_to(int fd, std::span<std::byte> buffer, std::string_view what) {
    std::size_t total = 0;
    while (total < buffer.size()) {
        const auto got = ::read(fd, buffer.data() + total, buffer.size() - total);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(errno_error(errno, fmt::format("read {}", what)));
        if (got == 0) break;
        total += static_cast<std::size_t>(got);
    }
    return total;
}

Result<std::string> read_file(const fs::path& path, std::size_t max_bytes) {
    const auto fd = TRY(open_file(path, O_RDONLY));
    std::string text;
    for (;;) {
        const auto before = text.size();
        text.resize(before + std::size_t{64} * 1024);
        const auto got = TRY(read_up_to(
            fd.get(), std::as_writable_bytes(std::span(text).subspan(before)), path.string()));
        text.resize(before + got);
        if (text.size() > max_bytes)
            return fail(Errc::invalid, "{} is longer than {} bytes", path.string(), max_bytes);
        if (got == 0) return text;
    }
}

Result<> write_file_durably(const fs::path& path, std::string_view content, mode_t mode) {
    auto beside = path;
    beside += ".new";
    {
        const auto fd = TRY(open_file(beside, O_WRONLY | O_CREAT | O_TRUNC, mode));
        fault_point("file.write");
        TRY(write_all(fd.get(), std::as_bytes(std::span(content)), beside.string()));
        fault_point("file.fsync");
        TRY(sync_fd(fd.get(), beside.string()));
    }
    return rename_durably(beside, path);
}

Result<> append_line_durably(const fs::path& path, std::string_view line) {
    const auto fd = TRY(open_file(path, O_WRONLY | O_CREAT | O_APPEND, 0644));
    fault_point("file.append");
    const auto text = fmt::format("{}\n", line);
    TRY(write_all(fd.get(), std::as_bytes(std::span(text)), path.string()));
    return sync_fd(fd.get(), path.string());
}

Result<> sync_fd(int fd, std::string_view what) {
    if (::fsync(fd) != 0) return std::unexpected(errno_error(errno, fmt::format("fsync {}", what)));
    return {};
}

Result<> sync_folder(const fs::path& folder) {
    const auto fd = TRY(open_file(folder, O_RDONLY | O_DIRECTORY));
    return sync_fd(fd.get(), folder.string());
}

Result<> rename_durably(const fs::path& from, const fs::path& to) {
    fault_point("file.rename");
    if (std::rename(from.c_str(), to.c_str()) != 0)
        return std::unexpected(
            errno_error(errno, fmt::format("rename {} to {}", from.string(), to.string())));
    fault_point("file.sync_folder");
    TRY(sync_folder(parent_of(to)));
    fault_point("file.renamed");
    return {};
}

Result<> make_folders(const fs::path& folder) {
    std::error_code error;
    if (fs::is_directory(folder, error)) return {};
    const auto parent = parent_of(folder);
    if (parent != folder) TRY(make_folders(parent));
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
        return std::unexpected(errno_error(errno, fmt::format("create {}", folder.string())));
    return sync_folder(parent);
}

Result<> remove_tree(const fs::path& path) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error)
        return std::unexpected(errno_error(error.value(), fmt::format("remove {}", path.string())));
    return {};
}

Result<> sync_file_system(const fs::path& folder) {
    const auto fd = TRY(open_file(folder, O_RDONLY | O_DIRECTORY));
    fault_point("file.syncfs");
    if (::syncfs(fd.get()) != 0)
        return std::unexpected(errno_error(errno, fmt::format("syncfs {}", folder.string())));
    fault_point("file.syncfs_done");
    return {};
}

Result<std::uint64_t> free_bytes(const fs::path& path) {
    struct statvfs info{};
    if (::statvfs(path.c_str(), &info) != 0)
        return std::unexpected(errno_error(errno, fmt::format("statvfs {}", path.string())));
    return std::uint64_t{info.f_bavail} * info.f_frsize;
}

Result<TempFolder> TempFolder::create(const fs::path& parent, std::string_view prefix) {
    auto name = (parent / fmt::format("{}XXXXXX", prefix)).string();
    if (::mkdtemp(name.data()) == nullptr)
        return std::unexpected(errno_error(errno, fmt::format("create {}", name)));
    return TempFolder(name);
}

TempFolder::~TempFolder() {
    std::error_code ignored;  // a leftover is swept at the next start
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace cutover
