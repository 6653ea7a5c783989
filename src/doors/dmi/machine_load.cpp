#include "doors/dmi/machine_load.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/statvfs.h>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "base/files.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1024} * 1024;
constexpr std::uint64_t kFewTicks = 20;  // too short a time to tell anything by
constexpr std::chrono::milliseconds kMoment{200};

// The next number in `text`, which is moved behind it; 0 when there is none.
std::uint64_t next_number(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_of("0123456789\n"), text.size()));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return error == std::errc{} ? value : 0;
}

std::uint64_t kilobytes_of(std::string_view name, std::string_view memory_info) {
    const auto at = memory_info.find(name);
    if (at == std::string_view::npos) return 0;
    auto rest = memory_info.substr(at + name.size());
    return next_number(rest) * 1024;
}

}  // namespace

Result<MachineLoad::Ticks> MachineLoad::ticks() {
    const auto text = TRY(read_file("/proc/stat", kMaxBytes));
    // "cpu  user nice system idle iowait irq softirq steal ..."
    std::string_view rest = std::string_view(text).substr(0, text.find('\n'));
    constexpr std::size_t kIdle = 3;
    constexpr std::size_t kWaiting = 4;
    std::array<std::uint64_t, 8> times{};
    for (auto& time : times) time = next_number(rest);
    Ticks result;
    for (const auto time : times) result.all += time;
    result.busy = result.all - times.at(kIdle) - times.at(kWaiting);
    return result;
}

Result<MachineFigures> MachineLoad::figures() {
    MachineFigures figures;
    const auto memory = TRY(read_file("/proc/meminfo", kMaxBytes));
    figures.memory_bytes = kilobytes_of("MemTotal:", memory);
    figures.memory_used = figures.memory_bytes -
                          std::min(figures.memory_bytes, kilobytes_of("MemAvailable:", memory));
    struct statvfs disk{};
    if (::statvfs(folder_.c_str(), &disk) != 0)
        return std::unexpected(errno_error(errno, folder_.string()));
    figures.disk_bytes = disk.f_blocks * disk.f_frsize;
    figures.disk_used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;

    const std::lock_guard lock(mutex_);
    if (last_.all == 0) {
        last_ = TRY(ticks());
        std::this_thread::sleep_for(kMoment);
    }
    const auto now = TRY(ticks());
    if (const auto all = now.all - last_.all; all >= kFewTicks) {
        percent_ = 100.0 * static_cast<double>(now.busy - last_.busy) / static_cast<double>(all);
        last_ = now;
    }
    figures.cpu_percent = percent_;
    return figures;
}

}  // namespace cutover
