#include "platform/startup_config_file.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/crc32.h"
#include "base/error.h"
#include "base/files.h"
#include "model/device.h"
#include "platform/errors.h"
#include "platform/startup_config.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxAboutBytes = std::size_t{16} * 1024;
constexpr mode_t kMode = 0600;  // it may hold passwords

std::string sum_of(std::string_view content) { return fmt::format("{:08x}", crc32(content)); }

// Lines of a word and a value.
std::map<std::string, std::string> read_lines(std::string_view text) {
    std::map<std::string, std::string> values;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto space = line.find(' ');
        if (space != std::string_view::npos)
            values.emplace(line.substr(0, space), line.substr(space + 1));
    }
    return values;
}

}  // namespace

// The content is replaced first. Who was cut off between the two finds that `about` tells of
// another one, and says nothing rather than something wrong.
Result<StartupConfigStatus> StartupConfigFile::status() const {
    const auto content = read_file(folder_ / "config", kMaxStartupConfigBytes);
    if (!content && content.error().kind == Errc::not_found) return StartupConfigStatus{};
    if (!content) return std::unexpected(content.error());
    const auto about = read_file(folder_ / "about", kMaxAboutBytes);
    if (!about && about.error().kind != Errc::not_found) return std::unexpected(about.error());
    auto values = read_lines(about.value_or(""));
    if (values["crc32"] != sum_of(*content)) return StartupConfigStatus{.version = "unknown"};
    const auto stored = from_iso8601(values["stored"]);
    return StartupConfigStatus{.source = values["source"],
                               .version = values["version"],
                               .stored = stored.value_or(WallTime{})};
}

Result<> StartupConfigFile::store(std::string_view content, const StartupConfigStatus& about) {
    if (content.empty()) return fail(errors::startup_config_unusable, "it is empty");
    if (content.size() > kMaxStartupConfigBytes)
        return fail(errors::startup_config_unusable, "it has {} bytes, more than {}",
                    content.size(), kMaxStartupConfigBytes);
    for (const auto& text : {about.source, about.version})
        if (text.contains('\n') || text.size() > kMaxAboutBytes / 4)
            return fail(errors::startup_config_unusable, "its name is none");
    TRY(make_folders(folder_));
    TRY(write_file_durably(folder_ / "config", content, kMode));
    return write_file_durably(
        folder_ / "about", fmt::format("source {}\nversion {}\nstored {}\ncrc32 {}\n", about.source,
                                       about.version, to_iso8601(about.stored), sum_of(content)));
}

}  // namespace cutover
