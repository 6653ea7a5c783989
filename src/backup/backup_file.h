#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "model/backups.h"

// The file of a backup: a tar in one zstd frame, the manifest first, then the members in its order.
// A tar that differs in one byte from what write_backup() makes is refused.
namespace cutover {

// A member to be: what is in `file`, or without one `text`.
struct BackupContent {
    std::string name;
    std::filesystem::path file = {};
    std::string text = {};
};

// Writes `about` with these members into the file at `fd`, and returns it with them. What changes
// meanwhile is an error.
Result<Backup> write_backup(Backup about, const std::vector<BackupContent>& contents, int fd,
                            const std::filesystem::path& name);

// What it says of itself. Nothing but the manifest is read, and nothing verified.
Result<Backup> read_backup_manifest(ByteSource& file);

// Each member in pieces, the first of them empty. What `sink` was given is to be believed when the
// reading has come to its good end, and not before.
using BackupSink = std::function<Result<>(const BackupMember& member, std::span<const std::byte>)>;
Result<Backup> read_backup(ByteSource& file, const BackupSink& sink);

// Verifies the backup in `file`, and puts its members below `folder`, which is new, durably: those
// that are `wanted`, without which all are.
using BackupFilter = std::function<bool(const BackupMember& member)>;
Result<Backup> unpack_backup(const std::filesystem::path& file, const std::filesystem::path& folder,
                             const BackupFilter& wanted = {});

}  // namespace cutover
