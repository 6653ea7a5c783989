#include "base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int kPollMs = 20;

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(errno_error(errno, "pipe"));
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (auto& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

// Between fork and exec: only what is async-signal-safe. `failure` tells the parent the errno.
[[noreturn]] void become(const std::vector<char*>& argv, const std::vector<char*>& envp,
                         const char* folder, int output, int failure) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDONLY);  // NOLINT(cppcoreguidelines-pro-type-vararg)
    const bool ready = null >= 0 && ::dup2(null, 0) >= 0 && ::dup2(output, 1) >= 0 &&
                       ::dup2(output, 2) >= 0 && (*folder == '\0' || ::chdir(folder) == 0);
    if (ready) ::execvpe(argv[0], argv.data(), envp.data());
    const int error = errno;
    [[maybe_unused]] const auto told = ::write(failure, &error, sizeof error);
    ::_exit(127);
}

void kill_group(pid_t child) { ::kill(-child, SIGKILL); }

int exit_code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Reads what there is; false at the end of the output.
bool drain(int fd, std::string& output, std::size_t max_bytes) {
    std::array<char, 4096> buffer{};
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    if (got == 0) return false;
    const auto room = max_bytes - std::min(max_bytes, output.size());
    output.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
    return true;
}

struct Waited {
    bool ended = false;
    int status = 0;
};

// Until the child ends, the deadline passes or the caller stops. Output of grandchildren that hold
// the pipe open does not keep us.
Waited wait_for(pid_t child, int output_fd, std::string& output, std::size_t max_bytes,
                SteadyClock::time_point deadline, const std::stop_token& stop) {
    bool open = true;
    Waited waited;
    while (!waited.ended && SteadyClock::now() < deadline && !stop.stop_requested()) {
        pollfd event{.fd = open ? output_fd : -1, .events = POLLIN, .revents = 0};
        if (::poll(&event, 1, kPollMs) > 0) open = drain(output_fd, output, max_bytes);
        waited.ended = ::waitpid(child, &waited.status, WNOHANG) == child;
    }
    ::fcntl(output_fd, F_SETFL, O_NONBLOCK);  // NOLINT(cppcoreguidelines-pro-type-vararg)
    for (auto before = output.size(); open && drain(output_fd, output, max_bytes);) {
        if (output.size() == before) break;
        before = output.size();
    }
    return waited;
}

}  // namespace

Result<ProcessResult> run_process(const ProcessRequest& request, const std::stop_token& stop) {
    if (request.command.empty()) return fail(Errc::invalid, "no command to run");
    auto output_pipe = TRY(make_pipe());
    auto failure_pipe = TRY(make_pipe());

    auto arguments = request.command;
    std::vector<std::string> environment;
    environment.reserve(request.environment.size() + 1);
    for (const auto& [name, value] : request.environment)
        environment.push_back(fmt::format("{}={}", name, value));
    if (!request.environment.contains("PATH"))
        environment.push_back(fmt::format("PATH={}", kDefaultPath));
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);
    const auto folder = request.folder.string();

    const auto start = SteadyClock::now();
    const pid_t child = ::fork();
    if (child < 0) return std::unexpected(errno_error(errno, "fork"));
    if (child == 0)
        become(argv, envp, folder.c_str(), output_pipe.write.get(), failure_pipe.write.get());
    ::setpgid(child, child);
    output_pipe.write.reset();
    failure_pipe.write.reset();

    int exec_errno = 0;
    if (::read(failure_pipe.read.get(), &exec_errno, sizeof exec_errno) == sizeof exec_errno) {
        ::waitpid(child, nullptr, 0);
        return std::unexpected(
            errno_error(exec_errno, fmt::format("run {}", request.command.front())));
    }

    ProcessResult result;
    auto waited = wait_for(child, output_pipe.read.get(), result.output, request.max_output_bytes,
                           start + request.timeout, stop);
    kill_group(child);  // also what it left behind
    if (!waited.ended) ::waitpid(child, &waited.status, 0);
    result.duration = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - start);
    if (!waited.ended && stop.stop_requested())
        return fail(Errc::cancelled, "{} was stopped", request.command.front());
    if (!waited.ended)
        return fail(Errc::timeout, "{} did not end within {} ms; it said: {}",
                    request.command.front(), request.timeout.count(), result.output);
    result.exit_code = exit_code_of(waited.status);
    return result;
}

Result<std::filesystem::path> find_program(const std::string& name) {
    namespace fs = std::filesystem;
    const auto usable = [](const fs::path& path) { return ::access(path.c_str(), X_OK) == 0; };
    if (name.contains('/')) {
        if (usable(name)) return fs::path(name);
        return fail(Errc::not_found, "{} is not a program", name);
    }
    const char* const path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): read only
    std::string_view rest = path ? std::string_view(path) : kDefaultPath;
    while (!rest.empty()) {
        const auto folder = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
        auto candidate = fs::path(folder) / name;
        if (usable(candidate)) return candidate;
    }
    return fail(Errc::not_found, "program {} is not in PATH", name);
}

}  // namespace cutover
