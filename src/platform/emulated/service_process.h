#pragma once

#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "platform/emulated/service_log.h"

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

// A process from its start to its end; what it writes goes to its service's log. Nothing here ever
// waits. Whoever gives it up kills it first and asks ended() until it has.
class ServiceProcess {
public:
    static Result<ServiceProcess> start(const LaunchRequest& request, ServiceLog& log);

    pid_t pid() const { return process_.pid; }
    // To wait for something from it.
    void add_events(std::vector<pollfd>& events) const;
    bool read_output();  // whether there was any
    // Its wait status, once, when it has ended; what it left behind in its group ends with it.
    std::optional<int> ended();
    void signal(int number) const { ::kill(process_.pid, number); }
    void signal_group(int number) const { ::kill(-process_.pid, number); }

    const std::string& tail() const { return tail_; }  // the last it wrote, to explain an end

private:
    ServiceProcess(LaunchedProcess process, ServiceLog& log)
        : process_(std::move(process)), log_(&log) {}

    LaunchedProcess process_;
    ServiceLog* log_;
    std::string tail_;
};

}  // namespace cutover
