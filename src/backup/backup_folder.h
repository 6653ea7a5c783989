#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "model/backup_config.h"
#include "model/backups.h"
#include "model/device_config.h"
#include "model/generation.h"

namespace cutover {

// The folder of the device where the files of packages on top are kept, by their digests.
inline constexpr auto kPackageFiles = "packages";

// Where on a device is what a backup holds.
struct BackupPlaces {
    std::filesystem::path device;          // device.db, device.toml, known_hosts, access/
    std::filesystem::path trust;           // the anchors
    std::filesystem::path startup_config;  // the folder that StartupConfigFile keeps
};

// Who it is and what runs on it, for a backup of now.
Backup about_device(const DeviceConfig& config, std::string uuid, const Generation& running);

// The folder backups/ of a device. Usable by several threads and processes at a time.
class BackupFolder {
public:
    explicit BackupFolder(BackupPlaces places);

    // Of `about`, all that is not read here is filled in: who, what, when. `name` stands in front
    // of the version; empty: the base's. `packages`: of those of `about`, all whose files the
    // device keeps. What a cut has left of another one is removed.
    Result<Backup> create(Backup about, const std::string& name, bool packages = false) const;

    Result<std::vector<Backup>> list() const;  // oldest first; what cannot be read has a `problem`
    Result<Backup> show(const std::string& backup) const;
    Result<Backup> verify(const std::string& backup) const;
    // The file of one that is named as in the list, or by an absolute path.
    Result<std::filesystem::path> find(const std::string& backup) const;

    Result<PrunedBackups> prune(const std::vector<std::string>& backups) const;
    // Automatic ones alone, and never the newest of them.
    Result<PrunedBackups> prune(const BackupConfig& policy, WallTime now) const;

    // About as much as the next one may take while it is written.
    std::uint64_t space_needed() const;

private:
    Result<UniqueFd> lock() const;
    std::filesystem::path file_of(const std::string& name) const;

    BackupPlaces places_;
    std::filesystem::path folder_;
};

}  // namespace cutover
