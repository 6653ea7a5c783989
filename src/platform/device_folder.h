#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "model/device_config.h"

namespace cutover {

// In the device's folder: a key is a file in it, and both are their owner's alone. What is in a key
// is never shown, logged, or sent.
inline constexpr std::string_view kKeyring = "keys";

// device.toml of the device in `folder`; device.not_found when there is none.
Result<DeviceConfig> read_device_config(const std::filesystem::path& folder);

// What names the device to others for good: a UUID, kept in the folder's file `uuid`. The first
// call, of the first agent that runs there, makes it, so that devices made of copies of one folder
// differ; who builds devices may write the file instead.
Result<std::string> device_uuid(const std::filesystem::path& folder);

// A device's folder, held for this process (device.in_use names the one that has it) until the
// lock is closed, be it by the kernel.
struct DeviceFolder {
    static Result<DeviceFolder> open(const std::filesystem::path& folder);

    std::filesystem::path path;  // canonical
    DeviceConfig config;
    UniqueFd lock;
};

}  // namespace cutover
