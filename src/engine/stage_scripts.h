#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/planner.h"

namespace cutover {

// The scripts that the device itself has for the stages: `folder`/<stage>/NN-name (executable
// files, NN the two-digit prefix that orders them), and the commands of INI files, whose prefix
// is 50. A file without the prefix or the right to be executed is passed over, as is a folder that
// is not there; an INI file that is named and not there is an error.
Result<std::vector<StageScript>> find_stage_scripts(
    const std::filesystem::path& folder, const std::vector<std::filesystem::path>& ini_files);

}  // namespace cutover
