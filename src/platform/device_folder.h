#pragma once

#include <filesystem>

#include "base/error.h"
#include "base/unique_fd.h"
#include "model/device_config.h"

namespace cutover {

// device.toml of the device in `folder`; device.not_found when there is none.
Result<DeviceConfig> read_device_config(const std::filesystem::path& folder);

// A device's folder, held for this process (device.in_use names the one that has it) until the
// lock is closed, be it by the kernel.
struct DeviceFolder {
    static Result<DeviceFolder> open(const std::filesystem::path& folder);

    std::filesystem::path path;  // canonical
    DeviceConfig config;
    UniqueFd lock;
};

}  // namespace cutover
