#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "model/device.h"
#include "model/service_change.h"

namespace cutover {

struct SupervisorOptions {
    // A service that is ready as soon as it runs must still run after this time.
    std::chrono::milliseconds grace{300};
    // Between a service's end and its restart; doubles with each restart, up to the longest.
    std::chrono::milliseconds first_backoff{100};
    std::chrono::milliseconds longest_backoff{2000};
    int max_restarts = 5;  // in `restart_window`; the next end within it makes the service failed
    std::chrono::milliseconds restart_window{10'000};
    std::chrono::milliseconds stop_timeout{3000};  // from SIGTERM to SIGKILL
    // The same for a process whose successor is up: it may finish what it has begun.
    std::chrono::milliseconds drain_timeout{30'000};
    // Every service may take at least so long to become ready, whatever its package says.
    std::chrono::milliseconds least_start_timeout{0};
    // How long start() waits for services that are neither ready nor failed; none: until they are.
    std::optional<std::chrono::milliseconds> patience = {};
    std::size_t max_log_bytes = std::size_t{1024} * 1024;  // of each service, twice
};

// Where a base's services run.
struct ServicePlace {
    std::filesystem::path root;     // working directory, and where commands are found
    std::filesystem::path view;     // CUTOVER_ROOT; empty: `root`
    std::filesystem::path data;     // CUTOVER_DATA
    std::filesystem::path persist;  // CUTOVER_PERSIST
    std::filesystem::path log;      // a folder: <service>.log
    std::filesystem::path device;   // marks every process as the device's: CUTOVER_SUPERVISED_BY
};

// Runs the services of one boot: starts them in order, hands them their sockets, waits until they
// are ready, starts them again when they end, takes them from one view to the next, and ends them.
//
// All of it happens on one thread of its own, which lives as long as the services do: the kernel
// kills a service when the thread that started it dies (PR_SET_PDEATHSIG), so that kill -9 of the
// agent takes the services with it, as a power cut would.
class Supervisor {
public:
    Supervisor(std::vector<PlannedService> services, ServicePlace place, SupervisorOptions options,
               Log& log);
    ~Supervisor();  // stop()
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    // Returns when every service is ready, or with the first reason why one will not be
    // (boot.failed); those that are up then stay up until stop(). When patience ends before that,
    // services go on starting, and starting() tells of them.
    Result<> start(std::stop_token stop);
    void stop();  // repeatable

    // As Services::starting().
    std::string starting() const;

    // As Services::change(). One at a time; waits for services that still start.
    Result<> change(std::vector<ServiceAction> actions, std::stop_token stop);

    std::vector<ServiceStatus> status() const;

private:
    class Loop;

    std::unique_ptr<Loop> loop_;
    std::jthread thread_;
};

}  // namespace cutover
