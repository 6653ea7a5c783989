#include "agent/debug_bundle.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "package/tar.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} * 1024 * 1024;
constexpr std::size_t kMaxFiles = 32;

// The newest ones first.
std::vector<fs::path> files_to_send(const fs::path& folder) {
    std::vector<std::pair<fs::file_time_type, fs::path>> found;
    std::error_code problem;
    for (const auto& entry : fs::directory_iterator(folder / "log", problem)) {
        std::error_code gone;
        if (!entry.is_regular_file(gone)) continue;
        if (const auto time = entry.last_write_time(gone); !gone)
            found.emplace_back(time, entry.path());
    }
    std::ranges::sort(found, std::greater{});
    std::vector<fs::path> files{folder / "status"};
    for (auto& [time, path] : found)
        if (files.size() < kMaxFiles) files.push_back(std::move(path));
    return files;
}

Result<std::string> end_of(const fs::path& file) {
    const auto fd = TRY(open_file(file, O_RDONLY | O_NONBLOCK));
    const auto size = ::lseek(fd.get(), 0, SEEK_END);
    const auto length = static_cast<std::uint64_t>(std::max<off_t>(size, 0));
    const auto wanted = std::min(kMaxFileBytes, length);
    ::lseek(fd.get(), -static_cast<off_t>(wanted), SEEK_END);
    std::string content(wanted, '\0');
    const auto got =
        TRY(read_up_to(fd.get(), std::as_writable_bytes(std::span(content)), file.string()));
    content.resize(got);
    return content;
}

}  // namespace

Result<> write_debug_bundle(const fs::path& device_folder, const fs::path& archive) {
    const auto fd = TRY(open_file(archive, O_WRONLY | O_CREAT | O_TRUNC));
    const auto write = [&](std::string_view bytes) {
        return write_all(fd.get(), std::as_bytes(std::span(bytes)), archive.string());
    };
    for (const auto& file : files_to_send(device_folder)) {
        const auto content = end_of(file);
        if (!content) continue;  // it was rotated away, or there is none yet
        TRY(write(tar::header(file.lexically_relative(device_folder).string(), content->size())));
        TRY(write(*content));
        TRY(write(std::string(tar::padding(content->size()), '\0')));
    }
    return write(tar::end_mark());
}

}  // namespace cutover
