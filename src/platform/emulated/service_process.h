#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

struct LaunchRequest {
    std::filesystem::path program;
    std::vector<std::string> arguments;  // [0] included
    std::map<std::string, std::string> environment;
    std::filesystem::path folder;  // working directory
    std::vector<int> sockets;      // become fd 3, 4, ... with LISTEN_FDS and LISTEN_PID
};

struct LaunchedProcess {
    pid_t pid = -1;  // also the number of its process group
    UniqueFd pidfd;  // readable when it has ended
    UniqueFd output;
};

// Starts a process in a group of its own. The kernel kills it when the calling thread ends.
Result<LaunchedProcess> launch(const LaunchRequest& request);

}  // namespace cutover
