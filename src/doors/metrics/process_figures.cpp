#include "doors/metrics/process_figures.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

#include "base/files.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1024} * 1024;

std::uint64_t number_at(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} ? value : 0;
}

std::string_view after(std::string_view text, std::string_view name) {
    const auto at = text.find(name);
    return at == std::string_view::npos ? std::string_view() : text.substr(at + name.size());
}

double boot_time() {
    const auto stat = read_file("/proc/stat", kMaxBytes);
    return stat ? static_cast<double>(number_at(after(*stat, "\nbtime "))) : 0;
}

}  // namespace

// The fields of proc_pid_stat(5) behind the name, which may hold anything and ends with ')'.
ProcessFigures process_figures() {
    ProcessFigures figures;
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (const auto stat = read_file("/proc/self/stat", kMaxBytes)) {
        std::array<std::uint64_t, 22> fields{};  // from the third on
        auto rest = std::string_view(*stat).substr(stat->rfind(')') + 1);
        for (auto& field : fields) {
            rest.remove_prefix(rest.find_first_not_of(' ') == std::string_view::npos
                                   ? rest.size()
                                   : rest.find_first_not_of(' '));
            field = number_at(rest);
            rest.remove_prefix(rest.find(' ') == std::string_view::npos ? rest.size()
                                                                        : rest.find(' '));
        }
        figures.cpu_seconds = static_cast<double>(fields[11] + fields[12]) / ticks;
        figures.threads = fields[17];
        figures.started = boot_time() + (static_cast<double>(fields[19]) / ticks);
        figures.virtual_bytes = fields[20];
        figures.resident_bytes = fields[21] * page;
    }
    std::error_code problem;
    std::filesystem::directory_iterator open("/proc/self/fd", problem);
    for (; !problem && open != std::filesystem::directory_iterator(); open.increment(problem))
        ++figures.open_fds;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.max_fds = limit.rlim_cur;
    return figures;
}

}  // namespace cutover
