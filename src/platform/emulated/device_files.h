#pragma once

#include <string>

namespace cutover {

// The device.toml of a new device: every key, with its default, as a comment.
std::string new_device_toml(const std::string& name);

}  // namespace cutover
