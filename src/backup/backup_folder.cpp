#include "backup/backup_folder.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backup/backup_file.h"
#include "backup/backup_manifest.h"
#include "backup/errors.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "model/backup_config.h"
#include "model/backups.h"
#include "model/device_config.h"
#include "model/generation.h"
#include "package/file_source.h"
#include "store/copy.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnfinished = ".new-";
constexpr std::uint64_t kLeftForOperations = std::uint64_t{8} * 1024 * 1024;
constexpr std::size_t kMaxSmallFile = std::size_t{16} * 1024 * 1024;

std::uint64_t size_of(const fs::path& file) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    return error ? 0 : size;
}

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(path, ignored));
}

// A member of what is in `file`, unless there is none.
Result<> add_file(std::vector<BackupContent>& contents, std::string name, const fs::path& file) {
    auto text = read_file(file, kMaxSmallFile);
    if (!text && text.error().kind == Errc::not_found) return {};
    if (!text) return std::unexpected(text.error());
    contents.push_back({.name = std::move(name), .text = *std::move(text)});
    return {};
}

// Certificates and revocation lists. A private key among them is nobody's to copy.
Result<> add_trust(std::vector<BackupContent>& contents, const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        if (entry->is_regular_file(error)) files.push_back(entry->path());
    if (error && error != std::errc::no_such_file_or_directory)
        return std::unexpected(errno_error(error.value(), fmt::format("list {}", folder.string())));
    std::ranges::sort(files);
    for (const auto& file : files) {
        const auto name = fmt::format("trust/{}", file.filename().string());
        if (!most_bytes_of_member(name)) continue;  // hidden, or nothing that is ever loaded
        TRY(add_file(contents, name, file));
        if (contents.back().text.contains("PRIVATE KEY")) contents.pop_back();
    }
    return {};
}

// The keyring. What is in a folder of keys and is none stays out.
Result<> add_keys(std::vector<BackupContent>& contents, const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        if (entry->symlink_status(error).type() == fs::file_type::regular)
            files.push_back(entry->path());
    if (error && error != std::errc::no_such_file_or_directory)
        return std::unexpected(errno_error(error.value(), fmt::format("list {}", folder.string())));
    std::ranges::sort(files);
    for (const auto& file : files) {
        const auto name = fmt::format("keys/{}", file.filename().string());
        const auto most = most_bytes_of_member(name);
        if (most && size_of(file) <= *most) TRY(add_file(contents, name, file));
    }
    return {};
}

Result<std::vector<fs::path>> backup_files(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const auto& path = entry->path();
        const bool hidden = path.filename().string().starts_with('.');
        if (!hidden && path.extension() == kBackupSuffix && entry->is_regular_file(error))
            files.push_back(path);
    }
    if (error && error != std::errc::no_such_file_or_directory)
        return std::unexpected(errno_error(error.value(), fmt::format("list {}", folder.string())));
    return files;
}

Result<Backup> about_of(const fs::path& file) {
    auto source = TRY(FileSource::open(file));
    auto backup = TRY(read_backup_manifest(source));
    backup.name = file.stem().string();
    backup.bytes = size_of(file);
    return backup;
}

}  // namespace

Backup about_device(const DeviceConfig& config, std::string uuid, const Generation& running) {
    return {.device = config.name,
            .hardware = config.hardware.empty() ? "" : config.hardware.front(),
            .uuid = std::move(uuid),
            .agent_version = CUTOVER_VERSION,
            .base = running.base,
            .packages = running.packages,
            .generation = running.id,
            .update_level = running.update_level};
}

BackupFolder::BackupFolder(BackupPlaces places)
    : places_(std::move(places)), folder_(places_.device / "backups") {}

fs::path BackupFolder::file_of(const std::string& name) const {
    return folder_ / fmt::format("{}{}", name, kBackupSuffix);
}

// Held until it is closed, be it by the kernel.
Result<UniqueFd> BackupFolder::lock() const {
    if (::mkdir(folder_.c_str(), 0700) == 0)
        TRY(sync_folder(places_.device));
    else if (errno != EEXIST)
        return std::unexpected(errno_error(errno, fmt::format("create {}", folder_.string())));
    auto fd = TRY(open_file(folder_ / ".lock", O_RDWR | O_CREAT, 0600));
    while (::flock(fd.get(), LOCK_EX) != 0)
        if (errno != EINTR)
            return std::unexpected(errno_error(errno, fmt::format("lock {}", folder_.string())));
    std::vector<fs::path> leftovers;
    std::error_code error;
    for (fs::directory_iterator entry(folder_, error), end; !error && entry != end;
         entry.increment(error))
        if (entry->path().filename().string().starts_with(kUnfinished))
            leftovers.push_back(entry->path());
    for (const auto& leftover : leftovers) TRY(remove_tree(leftover));
    return fd;
}

Result<Backup> BackupFolder::create(Backup about, const std::string& name, bool packages) const {
    if (!name.empty() && !is_backup_name(name))
        return fail(errors::backup_bad_name, "'{}' cannot be the name of a backup",
                    name.substr(0, kMaxBackups));
    const auto held = TRY(lock());
    if (TRY(backup_files(folder_)).size() >= kMaxBackups)
        return fail(errors::backup_too_many, "there are {} backups", kMaxBackups);
    std::vector<BackupContent> kept;
    std::uint64_t kept_bytes = 0;
    for (const auto& package : about.packages) {
        const auto file = places_.device / kPackageFiles / package.digest;
        if (!packages || !is_there(file)) continue;
        kept_bytes += size_of(file);
        kept.push_back({.name = backup_member_of(package), .file = file});
    }
    const auto need = space_needed() + kept_bytes + (about.automatic ? 0 : kLeftForOperations);
    if (const auto free = TRY(free_bytes(folder_)); free < need)
        return fail(errors::backup_not_written, "needs {} on {}, has {}", human_size(need),
                    folder_.string(), human_size(free));

    about.made = std::chrono::floor<std::chrono::seconds>(about.made);
    about.name = fmt::format("{}-{}@{}", name.empty() ? about.base.name : name,
                             about.base.version.text(), to_iso8601(about.made));
    for (int more = 2; is_there(file_of(about.name)); ++more)
        about.name = fmt::format("{}.{}", about.name.substr(0, about.name.find('Z') + 1), more);

    const auto work = TRY(TempFolder::create(folder_, kUnfinished));
    const auto database = work.path() / kBackupDatabase;
    TRY(copy_database(places_.device / kBackupDatabase, database));
    std::vector<BackupContent> contents{{.name = std::string(kBackupDatabase), .file = database}};
    contents.push_back({.name = "device.toml"});
    contents.back().text = TRY(read_file(places_.device / "device.toml", kMaxSmallFile));
    TRY(add_file(contents, "known_hosts", places_.device / "known_hosts"));
    TRY(add_file(contents, "access/users.json", places_.device / "access" / "users.json"));
    for (const auto* const part : {"about", "config"})
        TRY(add_file(contents, fmt::format("startup-config/{}", part),
                     places_.startup_config / part));
    TRY(add_trust(contents, places_.trust));
    TRY(add_keys(contents, places_.device / "keys"));
    std::ranges::move(kept, std::back_inserter(contents));

    const auto unfinished = work.path() / "backup";
    {
        const auto fd = TRY(open_file(unfinished, O_WRONLY | O_CREAT | O_EXCL, 0600));
        fault_point("backup.write");
        about = TRY(write_backup(std::move(about), contents, fd.get(), unfinished));
        fault_point("backup.written");
        TRY(sync_fd(fd.get(), unfinished.string()));
    }
    about.bytes = size_of(unfinished);
    TRY(rename_durably(unfinished, file_of(about.name)));
    return about;
}

Result<std::vector<Backup>> BackupFolder::list() const {
    std::vector<Backup> backups;
    for (const auto& file : TRY(backup_files(folder_))) {
        auto backup = about_of(file);
        if (!backup && !is_there(file)) continue;  // pruned meanwhile
        if (!backup)
            backups.push_back({.name = file.stem().string(),
                               .bytes = size_of(file),
                               .problem = backup.error().text()});
        else
            backups.push_back(*std::move(backup));
    }
    std::ranges::sort(backups, {},
                      [](const Backup& one) { return std::tuple(one.made, one.name); });
    return backups;
}

Result<fs::path> BackupFolder::find(const std::string& backup) const {
    fs::path typed(backup);
    std::error_code error;
    if (typed.is_absolute()) {  // a pipe would be waited for
        if (fs::is_regular_file(typed, error)) return typed;
        return fail(errors::backup_unknown, "there is no file {}", backup);
    }
    auto name = backup;
    if (name.ends_with(kBackupSuffix)) name.resize(name.size() - kBackupSuffix.size());
    const bool plain = !name.empty() && !name.contains('/') && !name.starts_with('.');
    if (plain && fs::is_regular_file(file_of(name), error)) return file_of(name);
    return fail(errors::backup_unknown, "there is no backup '{}'", backup);
}

Result<Backup> BackupFolder::show(const std::string& backup) const {
    const auto file = TRY(find(backup));
    return TRY(about_of(file), "{}", file.filename().string());
}

Result<Backup> BackupFolder::verify(const std::string& backup) const {
    const auto file = TRY(find(backup));
    auto source = TRY(FileSource::open(file));
    const auto nowhere = [](const BackupMember&, auto) { return Result<>(); };
    auto read = TRY(read_backup(source, nowhere), "{}", file.filename().string());
    read.name = file.stem().string();
    read.bytes = size_of(file);
    return read;
}

Result<PrunedBackups> BackupFolder::prune(const std::vector<std::string>& backups) const {
    std::vector<fs::path> files;
    for (const auto& backup : backups) {
        auto file = TRY(find(backup));
        if (file.parent_path() != folder_)
            return fail(errors::backup_unknown, "{} is not one that the device keeps", backup);
        files.push_back(std::move(file));
    }
    const auto held = TRY(lock());
    PrunedBackups pruned;
    for (const auto& file : files) {
        const auto bytes = size_of(file);
        fault_point("backup.prune");
        TRY(remove_tree(file));
        pruned.names.push_back(file.stem().string());
        pruned.bytes += bytes;
    }
    if (!files.empty()) TRY(sync_folder(folder_));
    return pruned;
}

Result<PrunedBackups> BackupFolder::prune(const BackupConfig& policy, WallTime now) const {
    auto backups = TRY(list());
    std::erase_if(backups, [](const Backup& one) { return !one.automatic; });
    std::ranges::reverse(backups);
    std::vector<std::string> surplus;
    std::size_t kept = 0;
    std::uint64_t bytes = 0;
    for (const auto& backup : backups) {
        const bool fits = kept < policy.keep && bytes + backup.bytes <= policy.max_space &&
                          now - backup.made <= policy.max_age;
        if (kept > 0 && !fits) {
            surplus.push_back(backup.name);
            continue;
        }
        ++kept;
        bytes += backup.bytes;
    }
    return surplus.empty() ? PrunedBackups() : prune(surplus);
}

// The copy of the database, and as much again at worst for the file that holds it.
std::uint64_t BackupFolder::space_needed() const {
    constexpr std::uint64_t kRest = std::uint64_t{64} * 1024;
    const auto database = places_.device / kBackupDatabase;
    return 2 * (size_of(database) + size_of(database.string() + "-wal")) +
           size_of(places_.startup_config / "config") + kRest;
}

}  // namespace cutover
