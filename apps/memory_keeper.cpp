#include "memory_keeper.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <malloc.h>
#include <mutex>
#include <stop_token>
#include <string_view>
#include <thread>
#include <unistd.h>

#include "base/files.h"

namespace cutover {
namespace {

constexpr std::chrono::seconds kLookAround{1};
constexpr std::uint64_t kWorthIt = std::uint64_t{16} * 1024 * 1024;

#ifdef __GLIBC__
// The second number of proc_pid_statm(5), in pages. 0: it is not to be known.
std::uint64_t resident_bytes() {
    constexpr std::size_t kMaxBytes = 256;
    const auto text = read_file("/proc/self/statm", kMaxBytes);
    if (!text) return 0;
    const auto rest = std::string_view(*text).substr(std::min(text->find(' ') + 1, text->size()));
    std::uint64_t pages = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), pages);
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// What the process has and does not use: programs, stacks, and what the allocator keeps.
std::uint64_t unused_bytes() {
    const auto found = ::mallinfo2();
    const std::uint64_t used = found.uordblks + found.hblkhd;
    const auto resident = resident_bytes();
    return resident - std::min(resident, used);
}

void give_back() { static_cast<void>(::malloc_trim(0)); }
#else
std::uint64_t unused_bytes() { return 0; }
void give_back() {}
#endif

// Only when there is more of it than after the last time: it takes some milliseconds, in which
// others wait.
void work(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ending;
    std::unique_lock lock(mutex);
    auto kept = unused_bytes();
    while (!ending.wait_for(lock, stop, kLookAround, [&] { return stop.stop_requested(); })) {
        const auto now = unused_bytes();
        if (now > kept + kWorthIt) give_back();
        kept = now > kept + kWorthIt ? unused_bytes() : std::min(kept, now);
    }
}

}  // namespace

MemoryKeeper::MemoryKeeper() : thread_([](const std::stop_token& stop) { work(stop); }) {}

}  // namespace cutover
