#include "backup/put_back.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <system_error>
#include <vector>

#include <fmt/core.h>

#include "backup/backup_folder.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "model/device_config.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{16} * 1024 * 1024;

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(path, ignored));
}

bool is_revocation_list(const fs::path& file) {
    const auto text = read_file(file, kMaxFile);
    return text && text->contains("X509 CRL");
}

// A folder for its owner alone, where there is none.
Result<> make_private(const fs::path& folder) {
    if (is_there(folder)) return {};
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return std::unexpected(errno_error(errno, fmt::format("create {}", folder.string())));
    return sync_folder(folder.parent_path());
}

Result<> put_file(const fs::path& from, const fs::path& to, mode_t mode) {
    fault_point("backup.put_back");
    if (is_there(from)) return write_file_durably(to, TRY(read_file(from, kMaxFile)), mode);
    if (!is_there(to)) return {};
    TRY(remove_tree(to));
    return sync_folder(to.parent_path());
}

std::vector<fs::path> files_of(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        if (entry->is_regular_file(error)) files.push_back(entry->path());
    std::ranges::sort(files);
    return files;
}

Result<> put_trust(const fs::path& from, const fs::path& to, std::vector<std::string>& notes) {
    TRY(make_folders(to));
    for (const auto& file : files_of(to)) {
        if (is_there(from / file.filename())) continue;
        if (is_revocation_list(file)) {
            notes.push_back(fmt::format("the revocation list {} stays, newer than the backup",
                                        file.filename().string()));
            continue;
        }
        fault_point("backup.put_back");
        TRY(remove_tree(file));
        notes.push_back(fmt::format("{} is trusted no more: it came after the backup",
                                    file.filename().string()));
    }
    for (const auto& file : files_of(from)) {
        const auto place = to / file.filename();
        if (is_there(place) && is_revocation_list(place)) continue;
        TRY(put_file(file, place, 0644));
    }
    return sync_folder(to);
}

// A key that came after the backup stays: something may be encrypted with it.
Result<> put_keys(const fs::path& from, const fs::path& to) {
    const auto keys = files_of(from);
    if (keys.empty()) return {};
    TRY(make_private(to));
    for (const auto& key : keys) TRY(put_file(key, to / key.filename(), 0600));
    return {};
}

}  // namespace

Result<std::vector<std::string>> put_back(const fs::path& unpacked, const BackupPlaces& to) {
    std::vector<std::string> notes;
    const auto settings = TRY(read_file(unpacked / "device.toml", kMaxFile));
    const auto config = TRY(parse_device_config(settings));
    TRY(put_trust(unpacked / "trust", to.device / config.anchors, notes));
    TRY(make_private(to.device / "access"));
    TRY(put_file(unpacked / "access" / "users.json", to.device / "access" / "users.json", 0600));
    TRY(put_keys(unpacked / "keys", to.device / "keys"));
    TRY(put_file(unpacked / "known_hosts", to.device / "known_hosts", 0644));
    if (is_there(unpacked / "startup-config")) TRY(make_folders(to.startup_config));
    // What tells of the content comes after it, as where it is kept.
    for (const auto* const part : {"config", "about"})
        TRY(put_file(unpacked / "startup-config" / part, to.startup_config / part, 0600));
    TRY(put_file(unpacked / "device.toml", to.device / "device.toml", 0644));
    return notes;
}

}  // namespace cutover
