#include "doors/gnoi/file_root.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <dirent.h>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <linux/openat2.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "doors/gnoi/errors.h"

namespace cutover::gnoi_door {
namespace {

constexpr std::string_view kStaging = ".cutover-incoming";
constexpr std::size_t kMaxPathBytes = 4096;
constexpr std::size_t kMaxEntries = 10'000;
constexpr mode_t kFolderMode = 0755;
constexpr mode_t kPermissions = 0777;
// Left to the agent and to everybody else on the file system.
constexpr std::uint64_t kReservedBytes = std::uint64_t{32} * 1024 * 1024;

// "/a/b" as "a/b"; "." for the folder itself.
Result<std::string> inside(std::string_view path) {
    if (!path.starts_with('/') || path.size() > kMaxPathBytes)
        return fail(errors::gnoi_bad_request, "a path begins with / and has at most {} bytes",
                    kMaxPathBytes);
    std::string relative;
    for (const auto& part : std::filesystem::path(path).relative_path()) {
        if (part.empty()) continue;  // of a slash at the end
        const auto& name = part.native();
        const bool plain = name != "." && name != ".." && !name.contains('\0');
        if (!plain || (relative.empty() && name == kStaging))
            return fail(errors::gnoi_bad_request, "a path is made of names");
        relative += (relative.empty() ? "" : "/") + name;
    }
    return relative.empty() ? "." : relative;
}

Error told(int number, std::string_view path) {
    // What a link out of the folder ends in.
    if (number == EXDEV || number == ELOOP)
        return make_error(errors::gnoi_outside, fmt::format("{} leads out of the folder", path));
    if (number == ENOTDIR)
        return make_error(Errc::not_found, fmt::format("{}: a part of it is no folder", path));
    return errno_error(number, path);
}

Result<UniqueFd> open_beneath(int root, const std::string& path, int flags,
                              std::string_view shown_as) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    const auto fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd < 0) return std::unexpected(told(errno, shown_as));
    return UniqueFd(static_cast<int>(fd));
}

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// mkdir -p, one name at a time, each looked up beneath the root.
Result<UniqueFd> make_beneath(int root, const std::string& folder, std::string_view shown_as) {
    constexpr int kFolder = O_RDONLY | O_DIRECTORY;
    for (std::size_t end = 0; folder != "." && end != std::string::npos;) {
        end = folder.find('/', end + 1);
        const auto part = folder.substr(0, end);
        auto parent = TRY(open_beneath(root, folder_of(part), kFolder, shown_as));
        if (::mkdirat(parent.get(), name_in(part).c_str(), kFolderMode) == 0)
            TRY(sync_fd(parent.get(), shown_as));
        else if (errno != EEXIST)
            return std::unexpected(told(errno, shown_as));
    }
    return open_beneath(root, folder, kFolder, shown_as);
}

FileInfo info_of(const struct stat& status, std::string path) {
    constexpr std::uint64_t kNanoseconds = 1'000'000'000;
    return {.path = std::move(path),
            .modified_ns = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * kNanoseconds +
                           static_cast<std::uint64_t>(status.st_mtim.tv_nsec),
            .mode = status.st_mode & kPermissions,
            .size = static_cast<std::uint64_t>(status.st_size)};
}

struct CloseFolder {
    void operator()(DIR* folder) const { ::closedir(folder); }
};

Result<std::vector<FileInfo>> entries_of(UniqueFd fd, const std::string& path) {
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(fd.get()));
    if (!folder) return std::unexpected(errno_error(errno, path));
    const int at = fd.release();  // the folder's from now on
    std::vector<FileInfo> entries;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the folder is this call's own
    while (const auto* const entry = ::readdir(folder.get())) {
        const std::string_view name(&entry->d_name[0]);
        if (name == "." || name == ".." || (path == "/" && name == kStaging)) continue;
        if (entries.size() >= kMaxEntries)
            return fail(errors::gnoi_too_many, "{} has more than {} entries", path, kMaxEntries);
        struct stat status{};
        if (::fstatat(at, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone
        entries.push_back(
            info_of(status, fmt::format("{}{}{}", path, path.ends_with('/') ? "" : "/", name)));
    }
    std::ranges::sort(entries, {}, &FileInfo::path);
    return entries;
}

}  // namespace

Result<FileRoot> FileRoot::open(const std::filesystem::path& folder) {
    TRY(make_folders(folder));
    TRY(remove_tree(folder / kStaging));
    TRY(make_folders(folder / kStaging));
    auto root = TRY(open_file(folder, O_RDONLY | O_DIRECTORY));
    auto staging = TRY(open_file(folder / kStaging, O_RDONLY | O_DIRECTORY));
    return FileRoot(std::move(root), std::move(staging));
}

Result<FileRoot::Incoming> FileRoot::put(std::string_view path, mode_t mode) {
    const auto relative = TRY(inside(path));
    if (relative == "." || path.ends_with('/'))
        return fail(errors::gnoi_bad_request, "{} is a folder's name", path);
    Incoming incoming;
    incoming.folder_ = TRY(make_beneath(root_.get(), folder_of(relative), path));
    incoming.name_ = name_in(relative);
    incoming.mode_ = mode & kPermissions;
    struct stat there{};
    if (::fstatat(incoming.folder_.get(), incoming.name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) ==
            0 &&
        !S_ISREG(there.st_mode))
        return fail(errors::gnoi_not_a_file, "{} is there and is no file", path);
    static std::atomic<std::uint64_t> number = 0;
    incoming.own_name_ = std::to_string(++number);
    incoming.staging_ = UniqueFd(::fcntl(staging_.get(), F_DUPFD_CLOEXEC, 0));
    incoming.file_ =
        UniqueFd(::openat(staging_.get(), incoming.own_name_.c_str(),
                          O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!incoming.staging_ || !incoming.file_) return std::unexpected(errno_error(errno, path));
    return incoming;
}

FileRoot::Incoming::Incoming(Incoming&&) noexcept = default;

FileRoot::Incoming::~Incoming() {
    if (file_) ::unlinkat(staging_.get(), own_name_.c_str(), 0);
}

Result<> FileRoot::Incoming::write(std::string_view bytes) {
    struct statvfs space{};
    if (::fstatvfs(file_.get(), &space) != 0) return std::unexpected(errno_error(errno, name_));
    const auto free = std::uint64_t{space.f_bavail} * space.f_frsize;
    if (free < kReservedBytes + bytes.size())
        return fail(Errc::no_space, "{} MB are kept free, and there are no more",
                    kReservedBytes / 1'000'000);
    return write_all(file_.get(), std::as_bytes(std::span(bytes)), name_);
}

Result<> FileRoot::Incoming::keep() {
    if (::fchmod(file_.get(), mode_) != 0) return std::unexpected(errno_error(errno, name_));
    TRY(sync_fd(file_.get(), name_));
    fault_point("gnoi.file");
    // NOLINTNEXTLINE(misc-include-cleaner): POSIX has it in the C header of <cstdio>
    if (::renameat(staging_.get(), own_name_.c_str(), folder_.get(), name_.c_str()) != 0)
        return std::unexpected(errno_error(errno, name_));
    fault_point("gnoi.file_kept");
    file_.reset();
    return sync_fd(folder_.get(), name_);
}

// Not blocking: a pipe without a writer would keep us for ever.
Result<UniqueFd> FileRoot::get(std::string_view path) const {
    auto fd = TRY(open_beneath(root_.get(), TRY(inside(path)), O_RDONLY | O_NONBLOCK, path));
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return std::unexpected(errno_error(errno, path));
    if (!S_ISREG(status.st_mode)) return fail(errors::gnoi_not_a_file, "{} is no file", path);
    return fd;
}

Result<std::vector<FileInfo>> FileRoot::stat(std::string_view path) const {
    const auto relative = TRY(inside(path));
    // O_PATH: what is no file is looked at, and not opened.
    auto fd = TRY(open_beneath(root_.get(), relative, O_PATH, path));
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return std::unexpected(errno_error(errno, path));
    const auto shown_as = relative == "." ? std::string("/") : "/" + relative;
    if (!S_ISDIR(status.st_mode)) return std::vector{info_of(status, shown_as)};
    return entries_of(TRY(open_beneath(root_.get(), relative, O_RDONLY | O_DIRECTORY, path)),
                      shown_as);
}

Result<> FileRoot::remove(std::string_view path) {
    const auto relative = TRY(inside(path));
    if (relative == ".") return fail(errors::gnoi_not_a_file, "{} is no file", path);
    const auto folder =
        TRY(open_beneath(root_.get(), folder_of(relative), O_RDONLY | O_DIRECTORY, path));
    fault_point("gnoi.remove");
    if (::unlinkat(folder.get(), name_in(relative).c_str(), 0) != 0) {
        if (errno == EISDIR || errno == EPERM)
            return fail(errors::gnoi_not_a_file, "{} is no file", path);
        return std::unexpected(told(errno, path));
    }
    return sync_fd(folder.get(), path);
}

}  // namespace cutover::gnoi_door
