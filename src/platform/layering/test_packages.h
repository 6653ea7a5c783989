#pragma once

// Bases for the tests of the emulated device.

#include <filesystem>
#include <map>
#include <string>

#include "platform/slot_package.h"

namespace cutover {

// A tree payload of these files; those below bin/ can be executed.
SlotPackage tree_package(const std::string& version,
                         const std::map<std::string, std::string>& files);
SlotPackage image_package(const std::string& version, std::string content);

// A squashfs image of these files; empty where the machine cannot make one.
std::string squashfs_image(const std::map<std::string, std::string>& files);

}  // namespace cutover
