#include "platform/emulated/supervised_service.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "model/device.h"
#include "model/manifest.h"
#include "platform/emulated/errors.h"
#include "platform/emulated/service_process.h"
#include "platform/emulated/service_sockets.h"
#include "platform/emulated/stray_processes.h"
#include "platform/emulated/supervisor.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

std::string describe_end(int status) {
    if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
    return fmt::format("exit code {}", WEXITSTATUS(status));
}

// The last line that is not empty, for a message.
std::string last_line(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    const auto line_feed = text.rfind('\n');
    return std::string(line_feed == std::string_view::npos ? text : text.substr(line_feed + 1));
}

std::string_view to_string(SupervisedService::Phase phase) {
    using enum SupervisedService::Phase;
    switch (phase) {
        case idle:
        case starting:
        case waiting: return "starting";
        case running: return "running";
        case ended: return "ended";
        case failed: return "failed";
        case stopped: return "stopped";
    }
    std::unreachable();
}

bool wants_restart(RestartPolicy policy, bool clean) {
    switch (policy) {
        case RestartPolicy::always: return true;
        case RestartPolicy::on_failure: return !clean;
        case RestartPolicy::never: return false;
    }
    std::unreachable();
}

}  // namespace

SupervisedService::SupervisedService(ServiceSpec spec, const ServicePlace& place,
                                     const SupervisorOptions& options, Log& log)
    : spec_(std::move(spec)),
      place_(place),
      options_(options),
      log_(log),
      output_log_(place.log / fmt::format("{}.log", spec_.name), options.max_log_bytes) {}

Result<> SupervisedService::open_sockets() {
    for (const auto& listen : spec_.listen) sockets_.push_back(TRY(open_listener(listen)));
    if (spec_.ready == ReadyWhen::notified) notify_ = TRY(NotifySocket::open());
    return {};
}

void SupervisedService::begin(SteadyTime now) {
    first_started_ = now;
    if (auto opened = open_sockets(); !opened) return fail_with(opened.error().text());
    if (auto started = start(now); !started) fail_with(started.error().text());
}

Result<> SupervisedService::start(SteadyTime now) {
    if (spec_.command.empty()) return fail(errors::boot_failed, "it has no command");
    const auto program = place_.root / spec_.command.front();
    if (::access(program.c_str(), X_OK) != 0)
        return fail(errors::boot_failed, "its program {} is missing", spec_.command.front());
    auto environment = spec_.environment;
    environment["CUTOVER_ROOT"] = place_.root.string();
    environment["CUTOVER_DATA"] = place_.data.string();
    environment["CUTOVER_PERSIST"] = place_.persist.string();
    environment[kSupervisedBy] = place_.device.string();
    environment.try_emplace("PATH", fmt::format("{0}/bin:{0}/usr/bin:{0}/sbin:{0}/usr/sbin:"
                                                "/usr/sbin:/usr/bin:/sbin:/bin",
                                                place_.root.string()));
    if (notify_) environment["NOTIFY_SOCKET"] = notify_->name();
    std::vector<int> sockets;
    sockets.reserve(sockets_.size());
    for (const auto& socket : sockets_) sockets.push_back(socket.get());
    output_log_.forget_tail();
    auto process = TRY(launch({.program = program,
                               .arguments = spec_.command,
                               .environment = std::move(environment),
                               .folder = place_.root,
                               .sockets = std::move(sockets)}));
    pid_ = process.pid;
    pidfd_ = std::move(process.pidfd);
    output_ = std::move(process.output);
    started_ = now;
    phase_ = Phase::starting;
    return {};
}

void SupervisedService::on_output() {
    std::array<char, 16384> buffer{};
    const auto got = ::read(output_.get(), buffer.data(), buffer.size());
    if (got > 0) return output_log_.append({buffer.data(), static_cast<std::size_t>(got)});
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) output_.reset();
}

void SupervisedService::on_notify() {
    if (notify_ && notify_->ready(pid_) && pid_ > 0 && phase_ == Phase::starting) became_ready();
}

void SupervisedService::became_ready() {
    ready_ = true;
    phase_ = Phase::running;
    detail_.clear();
    log_.debug("service is ready", {{"service", spec_.name}});
}

void SupervisedService::fail_with(std::string why) {
    phase_ = Phase::failed;
    detail_ = std::move(why);
    if (has_process()) ::kill(-pid_, SIGKILL);
    log_.error("service failed", {{"service", spec_.name}, {"reason", detail_}});
}

void SupervisedService::on_exit(SteadyTime now) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return;
    while (output_) {  // what it said last; a descendant may hold the pipe, so only what is there
        const auto before = output_log_.tail();
        on_output();
        if (output_log_.tail() == before) break;
    }
    ::kill(-pid_, SIGKILL);  // what it left behind belongs to nobody
    pid_ = -1;
    pidfd_.reset();
    output_.reset();
    if (stopping_) {
        if (phase_ != Phase::failed) phase_ = Phase::stopped;
        return;
    }
    if (phase_ != Phase::failed) after_end(status, now);
}

void SupervisedService::after_end(int status, SteadyTime now) {
    const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const auto said = last_line(output_log_.tail());
    const auto how = said.empty() ? describe_end(status)
                                  : fmt::format("{}, saying: {}", describe_end(status), said);
    if (spec_.ready == ReadyWhen::ended) {
        if (!clean) return fail_with(fmt::format("it ended with {}", how));
        became_ready();
        phase_ = Phase::ended;
        return;
    }
    if (wants_restart(spec_.restart, clean)) return restart_later(now, how);
    if (!clean) return fail_with(fmt::format("it ended with {}", how));
    if (!ready_) return fail_with(fmt::format("it ended with {} before it was ready", how));
    phase_ = Phase::ended;
    detail_ = how;
}

void SupervisedService::restart_later(SteadyTime now, const std::string& how) {
    recent_ends_.push_back(now);
    while (recent_ends_.front() + options_.restart_window < now) recent_ends_.pop_front();
    const auto recent = recent_ends_.size();
    if (std::cmp_greater(recent, options_.max_restarts))
        return fail_with(fmt::format("it ended {} times in {}, last with {}", recent,
                                     human_duration(options_.restart_window), how));
    auto backoff = options_.first_backoff;
    for (std::size_t i = 1; i < recent && backoff < options_.longest_backoff; ++i) backoff *= 2;
    restart_at_ = now + std::min(backoff, options_.longest_backoff);
    phase_ = Phase::waiting;
    detail_ = how;
    log_.warning("service ended and will be started again",
                 {{"service", spec_.name}, {"reason", how}});
}

void SupervisedService::on_time(SteadyTime now) {
    if (stopping_) return;
    if (phase_ == Phase::waiting && now >= restart_at_) {
        ++restarts_;
        if (auto started = start(now); !started) fail_with(started.error().text());
        return;
    }
    if (phase_ == Phase::starting && spec_.ready == ReadyWhen::running &&
        now >= started_ + options_.grace)
        return became_ready();
    const bool coming_up = phase_ == Phase::starting || phase_ == Phase::waiting;
    if (coming_up && !ready_ && now >= first_started_ + spec_.start_timeout)
        return fail_with(fmt::format("it was not ready within {}{}{}",
                                     human_duration(spec_.start_timeout),
                                     detail_.empty() ? "" : "; before, it ended with ", detail_));
    // Started again, and hangs: its end is handled like any other.
    if (phase_ == Phase::starting && ready_ && now >= started_ + spec_.start_timeout)
        ::kill(-pid_, SIGKILL);
}

std::optional<SteadyTime> SupervisedService::next_time() const {
    if (stopping_) return std::nullopt;
    std::optional<SteadyTime> next;
    const auto at = [&next](SteadyTime time) { next = next ? std::min(*next, time) : time; };
    if (phase_ == Phase::waiting) at(restart_at_);
    if (phase_ == Phase::starting && spec_.ready == ReadyWhen::running)
        at(started_ + options_.grace);
    if (phase_ == Phase::starting || phase_ == Phase::waiting)
        at((ready_ ? started_ : first_started_) + spec_.start_timeout);
    return next;
}

void SupervisedService::terminate(int signal) {
    stopping_ = true;
    if (has_process())
        ::kill(-pid_, signal);
    else if (phase_ != Phase::failed && phase_ != Phase::ended)
        phase_ = Phase::stopped;
}

std::string SupervisedService::reason() const {
    return fmt::format("service {}: {}", spec_.name, detail_);
}

ServiceStatus SupervisedService::status() const {
    return {.name = spec_.name,
            .state = std::string(to_string(phase_)),
            .restarts = restarts_,
            .detail = detail_};
}

}  // namespace cutover
