#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <utility>

#include "base/error.h"

namespace cutover {

struct MachineFigures {
    double cpu_percent = 0;  // since the last time that somebody asked, or over a moment
    std::uint64_t memory_bytes = 0;
    std::uint64_t memory_used = 0;
    std::uint64_t disk_bytes = 0;  // of the file system that holds the device's folder
    std::uint64_t disk_used = 0;
};

// How busy and how full the machine below is. From any thread.
class MachineLoad {
public:
    explicit MachineLoad(std::filesystem::path folder) : folder_(std::move(folder)) {}

    Result<MachineFigures> figures();

private:
    struct Ticks {
        std::uint64_t busy = 0;
        std::uint64_t all = 0;
    };
    static Result<Ticks> ticks();

    std::filesystem::path folder_;
    std::mutex mutex_;  // guards what is below
    Ticks last_;
    double percent_ = 0;
};

}  // namespace cutover
