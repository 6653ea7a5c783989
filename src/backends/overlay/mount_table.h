#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cutover {

// One mount, as the kernel tells it: /proc/PID/mountinfo, proc_pid_mountinfo(5).
struct Mount {
    std::uint64_t id = 0;
    std::filesystem::path at;
    std::string type;    // "overlay"
    std::string source;  // what it was mounted from
};

// In the order of the table, which is the order of mounting.
Result<std::vector<Mount>> parse_mount_table(std::string_view text);
Result<std::vector<Mount>> read_mount_table();  // of this process

}  // namespace cutover
