#include "recorder.h"

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "disk_call.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

struct OpenFile {
    int file = 0;  // 0: a folder
    std::string path;
};

// What is recorded, and what is open of it. Held over each call, so that the order is the true one.
struct Recording {
    std::recursive_mutex mutex;
    bool on = false;
    std::string root;
    int last_file = 0;
    std::map<std::string, int> files;
    std::map<int, OpenFile> open;
    std::vector<DiskCall> calls;
};

Recording& recording() {
    static auto* const only = new Recording;  // never destroyed: exit handlers close files, too
    return *only;
}

// Relative to the recorded folder; empty when it is not in there.
std::string inside(int at, const char* name) {
    const auto& record = recording();
    if (!record.on || !name) return {};
    std::string path = name;
    if (path.empty() || path.front() != '/') {
        const auto link =
            at == AT_FDCWD ? std::string("/proc/self/cwd") : "/proc/self/fd/" + std::to_string(at);
        std::string folder(4096, '\0');
        const auto size = ::readlink(link.c_str(), folder.data(), folder.size());
        if (size < 0) return {};
        folder.resize(static_cast<std::size_t>(size));
        path = folder + "/" + path;
    }
    path = fs::path(path).lexically_normal().string();
    if (path.ends_with('/')) path.pop_back();
    if (!path.starts_with(record.root + "/")) return {};
    return path.substr(record.root.size() + 1);
}

void add(DiskCall call) { recording().calls.push_back(std::move(call)); }

void opened(int fd, const std::string& path, int flags) {
    auto& record = recording();
    struct stat info{};
    if (fd < 0 || ::fstat(fd, &info) != 0) return;
    if (S_ISDIR(info.st_mode)) {
        record.open[fd] = {.path = path};
        return;
    }
    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    auto found = record.files.find(path);
    if (found == record.files.end()) {
        found = record.files.emplace(path, ++record.last_file).first;
        add({.kind = DiskCall::Kind::create, .file = found->second, .path = path});
    } else if ((flags & O_TRUNC) != 0 && writes) {
        add({.kind = DiskCall::Kind::resize, .file = found->second});
    }
    record.open[fd] = {.file = found->second, .path = path};
}

const OpenFile* find_open(int fd) {
    const auto& record = recording();
    const auto found = record.open.find(fd);
    return record.on && found != record.open.end() ? &found->second : nullptr;
}

void wrote(int fd, off_t end, const void* bytes, ssize_t size) {
    const auto* const file = find_open(fd);
    if (!file || size <= 0) return;
    add({.kind = DiskCall::Kind::write,
         .file = file->file,
         .offset = static_cast<std::uint64_t>(end - size),
         .bytes = std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size))});
}

// After a write at the file's own place, which is behind what was written then.
void wrote_here(int fd, const void* bytes, ssize_t size) {
    if (find_open(fd)) wrote(fd, ::lseek(fd, 0, SEEK_CUR), bytes, size);
}

// What a call has written that took the bytes from elsewhere.
void wrote_somehow(int fd, ssize_t size) {
    if (!find_open(fd) || size <= 0) return;
    std::string bytes(static_cast<std::size_t>(size), '\0');
    const auto end = ::lseek(fd, 0, SEEK_CUR);
    const auto path = "/proc/self/fd/" + std::to_string(fd);
    const int again = static_cast<int>(::syscall(257 /* openat */, AT_FDCWD, path.c_str(), 0, 0));
    if (again < 0) return;
    if (::pread(again, bytes.data(), bytes.size(), end - size) == size)
        wrote(fd, end, bytes.data(), size);
    ::close(again);
}

void renamed(const std::string& from, const std::string& to) {
    auto& record = recording();
    if (from.empty() && to.empty()) return;
    const auto file = record.files.find(from);
    if (file != record.files.end()) {
        record.files[to] = file->second;
        record.files.erase(from);
    }
    add({.kind = DiskCall::Kind::rename, .path = from, .target = to});
}

void removed(const std::string& path, bool folder) {
    if (path.empty()) return;
    recording().files.erase(path);
    add({.kind = folder ? DiskCall::Kind::remove_folder : DiskCall::Kind::remove, .path = path});
}

void made_folder(const std::string& path) {
    if (!path.empty()) add({.kind = DiskCall::Kind::make_folder, .path = path});
}

void synced(int fd) {
    const auto* const file = find_open(fd);
    if (!file) return;
    if (file->file != 0)
        add({.kind = DiskCall::Kind::sync, .file = file->file, .path = file->path});
    else
        add({.kind = DiskCall::Kind::sync_names, .path = file->path});
}

template <typename Function>
Function next(Function /*like*/, const char* name) {
    void* const found = ::dlsym(RTLD_NEXT, name);
    if (!found) ::abort();
    return reinterpret_cast<Function>(found);
}

}  // namespace

void start_recording(const fs::path& folder) {
    auto& record = recording();
    std::set<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) paths.insert(entry.path().lexically_relative(folder).string());
    const std::scoped_lock lock(record.mutex);
    record.root = folder.string();
    record.files.clear();
    record.open.clear();
    record.calls.clear();
    record.last_file = 0;
    for (const auto& path : paths) record.files[path] = ++record.last_file;
    record.on = true;
}

std::vector<DiskCall> stop_recording() {
    auto& record = recording();
    const std::scoped_lock lock(record.mutex);
    record.on = false;
    return std::exchange(record.calls, {});
}

}  // namespace cutover

// The C library's functions. Each does what it is for, and writes down what came of it.
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,cert-dcl50-cpp)
#define CUTOVER_NEXT(name) static const auto real = cutover::next(&::name, #name)
#define CUTOVER_LOCK const std::scoped_lock lock(cutover::recording().mutex)

extern "C" {

static int open_recorded(int (*real)(int, const char*, int, ...), int at, const char* name,
                         int flags, mode_t mode) {
    CUTOVER_LOCK;
    const auto path = cutover::inside(at, name);
    const int fd = real(at, name, flags, mode);
    if (!path.empty()) cutover::opened(fd, path, flags);
    return fd;
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

int openat(int at, const char* name, int flags, ...) {
    CUTOVER_NEXT(openat);
    va_list rest;
    va_start(rest, flags);
    const auto mode = mode_of(flags, rest);
    va_end(rest);
    return open_recorded(real, at, name, flags, mode);
}

int openat64(int at, const char* name, int flags, ...) {
    CUTOVER_NEXT(openat64);
    va_list rest;
    va_start(rest, flags);
    const auto mode = mode_of(flags, rest);
    va_end(rest);
    return open_recorded(real, at, name, flags, mode);
}

int open(const char* name, int flags, ...) {
    static const auto real = cutover::next(&::openat, "openat");
    va_list rest;
    va_start(rest, flags);
    const auto mode = mode_of(flags, rest);
    va_end(rest);
    return open_recorded(real, AT_FDCWD, name, flags, mode);
}

int open64(const char* name, int flags, ...) {
    static const auto real = cutover::next(&::openat, "openat");
    va_list rest;
    va_start(rest, flags);
    const auto mode = mode_of(flags, rest);
    va_end(rest);
    return open_recorded(real, AT_FDCWD, name, flags, mode);
}

int close(int fd) {
    CUTOVER_NEXT(close);
    CUTOVER_LOCK;
    cutover::recording().open.erase(fd);
    return real(fd);
}

ssize_t write(int fd, const void* bytes, size_t size) {
    CUTOVER_NEXT(write);
    CUTOVER_LOCK;
    const auto done = real(fd, bytes, size);
    cutover::wrote_here(fd, bytes, done);
    return done;
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
    CUTOVER_NEXT(writev);
    CUTOVER_LOCK;
    const auto done = real(fd, parts, count);
    cutover::wrote_somehow(fd, done);
    return done;
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
    CUTOVER_NEXT(pwrite);
    CUTOVER_LOCK;
    const auto done = real(fd, bytes, size, offset);
    cutover::wrote(fd, offset + done, bytes, done);
    return done;
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
    return pwrite(fd, bytes, size, offset);
}

ssize_t sendfile(int out, int in, off_t* offset, size_t size) noexcept {
    CUTOVER_NEXT(sendfile);
    CUTOVER_LOCK;
    const auto done = real(out, in, offset, size);
    cutover::wrote_somehow(out, done);
    return done;
}

ssize_t sendfile64(int out, int in, off64_t* offset, size_t size) noexcept {
    return sendfile(out, in, offset, size);
}

int ftruncate(int fd, off_t size) noexcept {
    CUTOVER_NEXT(ftruncate);
    CUTOVER_LOCK;
    const int done = real(fd, size);
    if (const auto* file = cutover::find_open(fd); file && done == 0)
        cutover::add({.kind = cutover::DiskCall::Kind::resize,
                      .file = file->file,
                      .offset = static_cast<std::uint64_t>(size)});
    return done;
}

int ftruncate64(int fd, off64_t size) noexcept { return ftruncate(fd, size); }

int rename(const char* from, const char* to) noexcept {
    CUTOVER_NEXT(rename);
    CUTOVER_LOCK;
    const auto old_path = cutover::inside(AT_FDCWD, from);
    const auto new_path = cutover::inside(AT_FDCWD, to);
    const int done = real(from, to);
    if (done == 0) cutover::renamed(old_path, new_path);
    return done;
}

int unlinkat(int at, const char* name, int flags) noexcept {
    CUTOVER_NEXT(unlinkat);
    CUTOVER_LOCK;
    const auto path = cutover::inside(at, name);
    const int done = real(at, name, flags);
    if (done == 0) cutover::removed(path, (flags & AT_REMOVEDIR) != 0);
    return done;
}

int unlink(const char* name) noexcept { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char* name) noexcept { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int remove(const char* name) noexcept {
    struct stat info{};
    const bool folder = ::lstat(name, &info) == 0 && S_ISDIR(info.st_mode);
    return folder ? rmdir(name) : unlink(name);
}

int mkdir(const char* name, mode_t mode) noexcept {
    CUTOVER_NEXT(mkdir);
    CUTOVER_LOCK;
    const auto path = cutover::inside(AT_FDCWD, name);
    const int done = real(name, mode);
    if (done == 0) cutover::made_folder(path);
    return done;
}

int fsync(int fd) {
    CUTOVER_NEXT(fsync);
    CUTOVER_LOCK;
    const int done = real(fd);
    if (done == 0) cutover::synced(fd);
    return done;
}

int fdatasync(int fd) {
    CUTOVER_NEXT(fdatasync);
    CUTOVER_LOCK;
    const int done = real(fd);
    if (done == 0) cutover::synced(fd);
    return done;
}

int syncfs(int fd) noexcept {
    CUTOVER_NEXT(syncfs);
    CUTOVER_LOCK;
    const int done = real(fd);
    if (const auto* file = cutover::find_open(fd); file && done == 0)
        cutover::add({.kind = cutover::DiskCall::Kind::sync_all, .path = file->path});
    return done;
}
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name,cert-dcl50-cpp)
