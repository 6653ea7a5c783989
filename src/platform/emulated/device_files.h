#pragma once

#include <string>

#include "platform/emulated/emulated_slots.h"

namespace cutover {

// The device.toml of a new device: every key, with its default, as a comment;
// only what `slots` asks for is set.
std::string new_device_toml(const std::string& name, SlotFolders slots);

}  // namespace cutover
