#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/data_upgrade.h"

namespace cutover {

// Runs a migration that is a script, in a folder of its own below `folder`: its arguments are the
// files with the whole configuration (RFC 7951) before and, to be written, after. At most a minute.
// config.migration when it ends with anything but 0, with what it said.
Result<std::string> run_migration_script(const std::filesystem::path& folder,
                                         const MigrationFile& script, std::string_view json);

}  // namespace cutover
