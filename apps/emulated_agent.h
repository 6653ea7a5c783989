#pragma once

#include <filesystem>

#include "agent/agent.h"
#include "base/error.h"
#include "base/log.h"

namespace cutover {

// One life of an emulated device: power on, boot, run the agent and its doors, until the device is
// to restart or the process is told to end (SIGTERM, SIGINT). Everything is off again on return.
Result<Agent::End> run_emulated_device(const std::filesystem::path& folder, Log& log);

}  // namespace cutover
