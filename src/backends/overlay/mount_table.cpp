#include "backends/overlay/mount_table.h"

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxTableBytes = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kIdField = 0;
constexpr std::size_t kPointField = 4;

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// The kernel writes white space and backslashes as \ooo.
std::string unescape(std::string_view text) {
    constexpr std::size_t kDigits = 3;
    constexpr int kOctal = 8;
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        if (text[i] == '\\' && i + kDigits < text.size()) {
            const auto* first = text.data() + i + 1;
            const auto [end, error] = std::from_chars(first, first + kDigits, value, kOctal);
            if (error == std::errc() && end == first + kDigits && value <= 0377) {
                plain += static_cast<char>(value);
                i += kDigits;
                continue;
            }
        }
        plain += text[i];
    }
    return plain;
}

}  // namespace

Result<std::vector<Mount>> parse_mount_table(std::string_view text) {
    std::vector<Mount> mounts;
    for (const auto line : split(text, '\n')) {
        if (line.empty()) continue;
        // Before the dash as many optional fields as there are; after it type, source, options.
        const auto dash = line.find(" - ");
        const auto first = split(line.substr(0, dash), ' ');
        if (dash == std::string_view::npos || first.size() <= kPointField)
            return fail(Errc::corrupt, "a line of the mount table cannot be read: {}", line);
        const auto last = split(line.substr(dash + 3), ' ');
        Mount mount;
        const auto id = first[kIdField];
        const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), mount.id);
        if (error != std::errc() || end != id.data() + id.size() || last.size() < 2)
            return fail(Errc::corrupt, "a line of the mount table cannot be read: {}", line);
        mount.at = unescape(first[kPointField]);
        mount.type = last[0];
        mount.source = unescape(last[1]);
        mounts.push_back(std::move(mount));
    }
    return mounts;
}

Result<std::vector<Mount>> read_mount_table() {
    return parse_mount_table(TRY(read_file("/proc/self/mountinfo", kMaxTableBytes)));
}

}  // namespace cutover
