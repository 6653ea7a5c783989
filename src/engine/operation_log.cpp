#include "engine/operation_log.h"

#include <algorithm>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/files.h"
#include "model/operation.h"

namespace cutover {
namespace {

constexpr std::uintmax_t kMaxBytes = std::uintmax_t{1024} * 1024;

}  // namespace

std::filesystem::path OperationLog::file(const std::filesystem::path& device_folder,
                                         OperationId operation) {
    return device_folder / "log" / fmt::format("operation-{}.log", operation);
}

OperationLog::OperationLog(const std::filesystem::path& device_folder, OperationId operation)
    : file_(file(device_folder, operation)) {
    std::error_code ignored;  // without the folder there is no log, and that is all
    std::filesystem::create_directories(file_.parent_path(), ignored);
}

void OperationLog::write(WallTime when, std::string_view text) {
    std::error_code error;
    if (const auto size = std::filesystem::file_size(file_, error); !error && size > kMaxBytes)
        return;
    const auto fd = open_file(file_, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (!fd) return;
    std::string lines;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        lines += fmt::format("{} {}\n", to_iso8601(when), line);
    }
    (void)write_all(fd->get(), std::as_bytes(std::span(lines)), file_.string());
}

}  // namespace cutover
