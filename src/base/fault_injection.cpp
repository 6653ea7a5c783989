// A file of its own: a program that does not call fault_restart() has nothing of it.

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "base/fault.h"

namespace cutover {
namespace {

// A process can die only once, so this is the one place for state that belongs to the process.
std::atomic<long> reached{0};
std::atomic<long> die_at_point{0};
std::atomic<int> trace{-1};

void count(std::string_view name) {
    const long number = ++reached;
    if (const int fd = trace; fd >= 0) {
        const auto line = std::string(name) + "\n";
        [[maybe_unused]] const auto written = ::write(fd, line.data(), line.size());
    }
    if (number == die_at_point) std::raise(SIGKILL);
}

}  // namespace

void fault_restart(long die_at, const char* trace_file) {
    reached = 0;
    die_at_point = die_at;
    trace = trace_file == nullptr
                ? -1
                : ::open(trace_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    fault_hook = count;
}

}  // namespace cutover
