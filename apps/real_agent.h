#pragma once

#include "base/error.h"
#include "base/log.h"
#include "platform/device_folder.h"

namespace cutover {

// The agent of the device that this machine is, until the machine restarts or the process is told
// to end (SIGTERM, SIGINT).
Result<> run_real_device(const DeviceFolder& folder, Log& log);

}  // namespace cutover
