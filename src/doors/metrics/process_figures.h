#pragma once

#include <cstdint>

namespace cutover {

// What this process takes, as Linux counts it; 0 where that cannot be read.
struct ProcessFigures {
    double cpu_seconds = 0;
    double started = 0;  // seconds since 1970
    std::uint64_t resident_bytes = 0;
    std::uint64_t virtual_bytes = 0;
    std::uint64_t threads = 0;
    std::uint64_t open_fds = 0;
    std::uint64_t max_fds = 0;
};

ProcessFigures process_figures();

}  // namespace cutover
