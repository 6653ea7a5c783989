#include "platform/emulated/service_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <fcntl.h>
#include <linux/close_range.h>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "platform/emulated/service_log.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxSockets = 64;
constexpr int kFirstSocket = 3;  // sd_listen_fds(3)
constexpr std::size_t kTailBytes = 400;
constexpr int kMostLastReads = 100;  // more than a pipe holds

// All that the child needs, made before the fork: between fork and exec nothing may be allocated.
struct ChildPlan {
    std::string program;
    std::string folder;
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
    std::vector<char*> argv;
    std::vector<char*> envp;
    char* listen_pid = nullptr;  // where the child writes its own number
    std::array<int, kMaxSockets> sockets{};
    int socket_count = 0;
    int output = -1;
    int failure = -1;
    pid_t parent = -1;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (auto& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(errno_error(errno, "pipe"));
    return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

void write_decimal(char* where, pid_t number) {
    std::array<char, 12> digits{};
    std::size_t count = 0;
    for (auto rest = static_cast<unsigned>(number); rest > 0; rest /= 10)
        digits.at(count++) = static_cast<char>('0' + rest % 10);
    while (count > 0) *where++ = digits.at(--count);
    *where = '\0';
}

// Puts output and sockets where the program expects them. First out of each other's way: any of
// them may sit on a number that another one is to get.
bool arrange_descriptors(ChildPlan& plan) {
    const int above = kFirstSocket + plan.socket_count;
    const auto move_up = [above](int& fd) {
        fd = ::fcntl(fd, F_DUPFD_CLOEXEC, above);
        return fd >= 0;
    };
    if (!move_up(plan.failure) || !move_up(plan.output)) return false;
    for (int i = 0; i < plan.socket_count; ++i)
        if (!move_up(plan.sockets.at(static_cast<std::size_t>(i)))) return false;
    const int null = ::open("/dev/null", O_RDONLY);
    if (null < 0 || ::dup2(null, 0) < 0) return false;
    if (::dup2(plan.output, 1) < 0 || ::dup2(plan.output, 2) < 0) return false;
    for (int i = 0; i < plan.socket_count; ++i)
        if (::dup2(plan.sockets.at(static_cast<std::size_t>(i)), kFirstSocket + i) < 0)
            return false;
    ::close_range(static_cast<unsigned>(above), ~0U, CLOSE_RANGE_CLOEXEC);
    return true;
}

[[noreturn]] void become(ChildPlan& plan) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);  // it died before we could ask to die with it
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    // What the agent ignores, or was started to ignore, as under nohup, a service need not.
    for (int number = 1; number < NSIG; ++number)
        if (number != SIGKILL && number != SIGSTOP) (void)::signal(number, SIG_DFL);
    if (plan.listen_pid != nullptr) write_decimal(plan.listen_pid, ::getpid());
    if (arrange_descriptors(plan) && ::chdir(plan.folder.c_str()) == 0)
        ::execve(plan.program.c_str(), plan.argv.data(), plan.envp.data());
    const int error = errno;
    [[maybe_unused]] const auto told = ::write(plan.failure, &error, sizeof error);
    ::_exit(127);
}

void plan_environment(const LaunchRequest& request, ChildPlan& plan) {
    for (const auto& [name, value] : request.environment)
        plan.environment.push_back(fmt::format("{}={}", name, value));
    if (!request.sockets.empty()) {
        plan.environment.push_back(fmt::format("LISTEN_FDS={}", request.sockets.size()));
        plan.environment.push_back("LISTEN_PID=" + std::string(12, '\0'));
        plan.listen_pid = plan.environment.back().data() + std::string("LISTEN_PID=").size();
    }
    plan.envp = pointers(plan.environment);
}

}  // namespace

Result<LaunchedProcess> launch(const LaunchRequest& request) {
    if (request.sockets.size() > kMaxSockets)
        return fail(Errc::invalid, "a service has at most {} sockets", kMaxSockets);
    auto [output, output_end] = TRY(make_pipe());
    auto [failure, failure_end] = TRY(make_pipe());
    ChildPlan plan;
    plan.program = request.program.string();
    plan.folder = request.folder.string();
    plan.arguments = request.arguments;
    plan.argv = pointers(plan.arguments);
    // The vector must not grow after the pointer into its last text is taken.
    plan.environment.reserve(request.environment.size() + 2);
    plan_environment(request, plan);
    for (const int socket : request.sockets)
        plan.sockets.at(static_cast<std::size_t>(plan.socket_count++)) = socket;
    plan.output = output_end.get();
    plan.failure = failure_end.get();
    plan.parent = ::getpid();

    const pid_t child = ::fork();
    if (child < 0) return std::unexpected(errno_error(errno, "fork"));
    if (child == 0) become(plan);
    ::setpgid(child, child);
    output_end.reset();
    failure_end.reset();
    int exec_errno = 0;
    if (::read(failure.get(), &exec_errno, sizeof exec_errno) == sizeof exec_errno) {
        ::waitpid(child, nullptr, 0);
        return std::unexpected(errno_error(exec_errno, fmt::format("start {}", plan.program)));
    }
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    if (!pidfd) {
        const int error = errno;
        ::kill(-child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        return std::unexpected(errno_error(error, "pidfd_open"));
    }
    ::fcntl(pidfd.get(), F_SETFD, FD_CLOEXEC);
    ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
    return LaunchedProcess{.pid = child, .pidfd = std::move(pidfd), .output = std::move(output)};
}

Result<ServiceProcess> ServiceProcess::start(const LaunchRequest& request, ServiceLog& log) {
    return ServiceProcess(TRY(launch(request)), log);
}

void ServiceProcess::add_events(std::vector<pollfd>& events) const {
    events.push_back({.fd = process_.pidfd.get(), .events = POLLIN, .revents = 0});
    if (process_.output)
        events.push_back({.fd = process_.output.get(), .events = POLLIN, .revents = 0});
}

bool ServiceProcess::read_output() {
    if (!process_.output) return false;
    std::array<char, 16384> buffer{};
    const auto got = ::read(process_.output.get(), buffer.data(), buffer.size());
    if (got > 0) {
        const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
        tail_.append(text.substr(text.size() - std::min(text.size(), kTailBytes)));
        if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
        log_->append(text);
        return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) process_.output.reset();
    return false;
}

std::optional<int> ServiceProcess::ended() {
    int status = 0;
    if (::waitpid(process_.pid, &status, WNOHANG) != process_.pid) return std::nullopt;
    // Its last words. A descendant may hold the pipe and say more without end.
    for (int i = 0; i < kMostLastReads && read_output(); ++i) {
    }
    signal_group(SIGKILL);  // what it left behind belongs to nobody
    return status;
}

}  // namespace cutover
