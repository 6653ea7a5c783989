#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace cutover {

struct PersistentMounts {
    std::size_t shown = 0;
    std::vector<std::string> left_out;  // paths for which the root has no place
};

// Shows the persistent files of a base over its root, which cannot be changed: at its first boot
// they are copied out to `persist`, and at every one bind-mounted over `root`. Repeatable.
Result<PersistentMounts> show_persistent(const std::filesystem::path& root,
                                         const std::filesystem::path& persist,
                                         const std::vector<std::string>& paths);

}  // namespace cutover
