#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backup/backup_folder.h"
#include "base/error.h"

namespace cutover {

// Puts the files of an unpacked backup where a device has them, each durably; a file that the
// device has and the backup has not goes. Two things stay: the database, and revocation lists, for
// what was revoked since then stays revoked. Repeatable. Returns what a person should know of it.
Result<std::vector<std::string>> put_back(const std::filesystem::path& unpacked,
                                          const BackupPlaces& to);

}  // namespace cutover
