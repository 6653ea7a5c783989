#include "base/fault.h"

#ifdef CUTOVER_FAULT_POINTS

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

namespace cutover {
namespace {

// A process can die only once, so this is the one place for state that belongs to the process.
struct Faults {
    std::atomic<long> reached{0};
    std::atomic<long> die_at{0};
    std::atomic<int> trace_fd{-1};

    Faults() {
        if (const char* at = std::getenv("CUTOVER_FAULT_AT")) die_at = std::strtol(at, nullptr, 10);
        if (const char* file = std::getenv("CUTOVER_FAULT_TRACE")) open_trace(file);
    }

    void open_trace(const char* file) {
        trace_fd = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
};

Faults& faults() {
    static Faults instance;
    return instance;
}

}  // namespace

void fault_point(std::string_view name) {
    auto& state = faults();
    const long number = ++state.reached;
    if (const int fd = state.trace_fd; fd >= 0) {
        const auto line = std::string(name) + "\n";
        [[maybe_unused]] const auto written = ::write(fd, line.data(), line.size());
    }
    if (number == state.die_at) {
        std::raise(SIGKILL);
    }
}

void fault_restart(long die_at, const char* trace_file) {
    auto& state = faults();
    state.reached = 0;
    state.die_at = die_at;
    state.trace_fd = -1;
    if (trace_file) state.open_trace(trace_file);
}

}  // namespace cutover

#endif
