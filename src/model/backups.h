#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/generation.h"

namespace cutover {

inline constexpr std::size_t kMaxBackups = 100;  // that a device keeps

struct BackupMember {
    std::string name;  // "device.db", "trust/ca.crt"
    std::uint64_t bytes = 0;
    std::string sha256;
    bool operator==(const BackupMember&) const = default;
};

// A backup, as its manifest tells of it.
struct Backup {
    std::string name;  // "nos-1.1.0@2026-11-21T10:02:11Z"; the file has .backup after it
    WallTime made{};
    bool automatic = false;  // made by an operation: policy may let it go
    std::string device;
    std::string hardware;
    std::string uuid;
    std::string agent_version;
    PackageRef base;
    std::vector<PackageRef> packages;  // that ran on top of it
    GenerationId generation = 0;
    int update_level = 0;
    std::vector<BackupMember> members;

    std::uint64_t bytes = 0;  // of the file
    std::string problem;      // in a list: why the rest could not be read
    bool operator==(const Backup&) const = default;
};

// The member that is a package's file.
inline std::string backup_member_of(const PackageRef& package) {
    return "packages/" + package.digest;
}
inline bool holds(const Backup& backup, const PackageRef& package) {
    const auto name = backup_member_of(package);
    return std::ranges::find(backup.members, name, &BackupMember::name) != backup.members.end();
}

struct PrunedBackups {
    std::vector<std::string> names;
    std::uint64_t bytes = 0;
    bool operator==(const PrunedBackups&) const = default;
};

struct Compaction {
    std::uint64_t bytes_before = 0;  // of the database
    std::uint64_t bytes_after = 0;
    PrunedBackups pruned;
    bool operator==(const Compaction&) const = default;
};

// The backups of a device. Safe to call from several threads. One is named as in a list, or by the
// absolute path of its file. Restoring one is an operation (OperationKind::restore).
class Backups {
public:
    virtual ~Backups() = default;

    // Of the device as it is at one instant; an operation may be at work. `name` stands in front of
    // the version; empty: the base's. `packages`: those on top as well, as far as they are kept.
    virtual Result<Backup> create(const std::string& name, bool packages) = 0;
    virtual Result<std::vector<Backup>> list() = 0;  // oldest first
    virtual Result<Backup> show(const std::string& backup) = 0;
    virtual Result<Backup> verify(const std::string& backup) = 0;  // reads all of it
    // Removes these; without names, those automatic ones that the policy lets go.
    virtual Result<PrunedBackups> prune(const std::vector<std::string>& backups) = 0;
    // Gives back what the database holds and does not need, and prunes; not during an operation.
    virtual Result<Compaction> compact() = 0;
};

}  // namespace cutover
