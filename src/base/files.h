#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// open(2) with O_CLOEXEC added; the error names the path.
Result<UniqueFd> open_file(const std::filesystem::path& path, int flags, mode_t mode = 0600);

// Writes all of `bytes`, however many calls it takes.
Result<> write_all(int fd, std::span<const std::byte> bytes, std::string_view what);

// Reads until `buffer` is full or the input ends; returns how many bytes were read.
Result<std::size_t> read_up_to(int fd, std::span<std::byte> buffer, std::string_view what);

// The whole file; `invalid` when it is longer than `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes);

// Replaces the file so that after a power cut either the old or the new content is there, whole:
// write beside it, fsync, rename, fsync of the folder.
Result<> write_file_durably(const std::filesystem::path& path, std::string_view content,
                            mode_t mode = 0600);

// Appends one line and syncs it.
Result<> append_line_durably(const std::filesystem::path& path, std::string_view line);

Result<> sync_fd(int fd, std::string_view what);
Result<> sync_folder(const std::filesystem::path& folder);
Result<> rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

// mkdir -p, each new folder synced into its parent.
Result<> make_folders(const std::filesystem::path& folder);

// Removes a file or a whole tree; it is no error that nothing is there. Follows no links.
Result<> remove_tree(const std::filesystem::path& path);

// Flushes every file of the file system that holds `folder` (syncfs(2)): after a tree was written.
Result<> sync_file_system(const std::filesystem::path& folder);

// Bytes that an unprivileged process may still write on the file system that holds `path`.
Result<std::uint64_t> free_bytes(const std::filesystem::path& path);

// A fresh folder, removed with all in it at the end of the scope.
class TempFolder {
public:
    static Result<TempFolder> create(const std::filesystem::path& parent, std::string_view prefix);
    TempFolder(TempFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TempFolder& operator=(TempFolder&&) = delete;
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder();

    const std::filesystem::path& path() const { return path_; }

private:
    explicit TempFolder(std::filesystem::path path) : path_(std::move(path)) {}

    std::filesystem::path path_;
};

}  // namespace cutover
