#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/backups.h"

// The first member of a backup: what it is, and digest and size of all others.
namespace cutover {

inline constexpr std::string_view kBackupSuffix = ".backup";
inline constexpr std::string_view kBackupManifest = "manifest.json";
inline constexpr std::string_view kBackupDatabase = "device.db";
inline constexpr std::size_t kMaxBackupManifest = std::size_t{512} * 1024;
inline constexpr std::size_t kMaxBackupMembers = 1000;

// How large this member may be; nothing where a backup has no such member.
std::optional<std::uint64_t> most_bytes_of_member(std::string_view name);

std::string to_json(const Backup& backup);
// Only what to_json() can have written: backup.damaged, backup.newer.
Result<Backup> parse_backup_manifest(std::string_view json);

// A digest of what it holds, whatever it is called.
std::string identity_of(const Backup& backup);

// Before the version, in a backup's name.
bool is_backup_name(std::string_view name);

}  // namespace cutover
