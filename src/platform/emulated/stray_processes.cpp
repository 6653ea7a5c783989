#include "platform/emulated/stray_processes.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <poll.h>
#include <set>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/core.h>

#include "base/files.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxProcFile = std::size_t{1024} * 1024;
constexpr int kPollMs = 5;

fs::path proc(pid_t pid) { return fs::path("/proc") / std::to_string(pid); }

struct ProcessState {
    char state = 'X';
    pid_t parent = 0;
};

// "pid (name) S ppid ...": the name may hold anything, so the last ')' counts.
ProcessState state_of(pid_t pid) {
    const auto text = read_file(proc(pid) / "stat", kMaxProcFile);
    if (!text) return {};
    const auto after_name = text->rfind(") ");
    if (after_name == std::string::npos || after_name + 4 >= text->size()) return {};
    ProcessState result{.state = text->at(after_name + 2), .parent = 0};
    const auto* const parent = text->data() + after_name + 4;
    std::from_chars(parent, text->data() + text->size(), result.parent);
    return result;
}

bool is_gone(pid_t pid) {
    const char state = state_of(pid).state;
    return state == 'X' || state == 'Z';  // a zombie holds nothing but its number
}

std::set<pid_t> self_and_ancestors() {
    std::set<pid_t> result;
    for (pid_t pid = ::getpid(); pid > 0 && result.insert(pid).second;) pid = state_of(pid).parent;
    return result;
}

bool has_variable(pid_t pid, std::string_view variable) {
    const auto text = read_file(proc(pid) / "environ", kMaxProcFile);
    if (!text) return false;  // ended, or another user's
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto entry = rest.substr(0, rest.find('\0'));
        if (entry == variable) return true;
        rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    }
    return false;
}

std::vector<pid_t> processes_with(std::string_view variable) {
    const auto spared = self_and_ancestors();
    std::vector<pid_t> result;
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const auto name = entry->path().filename().string();
        pid_t pid = 0;
        const auto [stop, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (bad != std::errc{} || stop != name.data() + name.size()) continue;
        if (!spared.contains(pid) && !is_gone(pid) && has_variable(pid, variable))
            result.push_back(pid);
    }
    return result;
}

bool leads_into(const fs::path& link, const std::string& prefix) {
    std::error_code error;
    const auto target = fs::read_symlink(link, error).string();
    return !error && (target + "/").starts_with(prefix);
}

bool process_uses(pid_t pid, const std::string& prefix) {
    for (const auto* const name : {"cwd", "root", "exe"})
        if (leads_into(proc(pid) / name, prefix)) return true;
    std::error_code error;
    for (fs::directory_iterator entry(proc(pid) / "fd", error), end; !error && entry != end;
         entry.increment(error))
        if (leads_into(entry->path(), prefix)) return true;
    return false;
}

}  // namespace

bool is_used_by_device(const fs::path& device, const fs::path& folder) {
    const auto prefix = folder.string() + "/";
    return std::ranges::any_of(processes_with(fmt::format("{}={}", kSupervisedBy, device.string())),
                               [&](pid_t pid) { return process_uses(pid, prefix); });
}

std::size_t kill_stray_processes(const fs::path& device, std::chrono::milliseconds patience) {
    const auto variable = fmt::format("{}={}", kSupervisedBy, device.string());
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::set<pid_t> killed;
    // Again until a look finds none: a process may fork while we go through the list.
    for (auto found = processes_with(variable); !found.empty(); found = processes_with(variable)) {
        for (const auto pid : found) ::kill(pid, SIGKILL);
        killed.insert(found.begin(), found.end());
        if (std::chrono::steady_clock::now() >= deadline) break;
        ::poll(nullptr, 0, kPollMs);
    }
    return killed.size();
}

}  // namespace cutover
