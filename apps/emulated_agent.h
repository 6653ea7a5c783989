#pragma once

#include <filesystem>

#include "base/error.h"
#include "base/log.h"

namespace cutover {

// The life of an emulated device until the process is told to end (SIGTERM, SIGINT). A reboot of
// the device starts this program anew, with `argv`, in the same process.
Result<> run_emulated_device(const std::filesystem::path& folder, Log& log, char** argv);

}  // namespace cutover
