#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// The device.toml of a new device: every key, with its default, as a comment.
std::string new_device_toml(const std::string& name);

// Holds the device's folder for this process (device.in_use names the one that has it) until the
// descriptor is closed, be it by the kernel.
Result<UniqueFd> lock_device(const std::filesystem::path& folder);

}  // namespace cutover
