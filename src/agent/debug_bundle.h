#pragma once

#include <filesystem>

#include "base/error.h"

namespace cutover {

// Writes a tar archive of what tells how the agent and its operations went: its logs, those of the
// last operations, and the status file. Of each file the end, if it is long.
Result<> write_debug_bundle(const std::filesystem::path& device_folder,
                            const std::filesystem::path& archive);

}  // namespace cutover
