#include "platform/emulated/supervised_service.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <poll.h>
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
#include "model/service_change.h"
#include "platform/device_folder.h"
#include "platform/emulated/errors.h"
#include "platform/emulated/service_log.h"
#include "platform/emulated/service_process.h"
#include "platform/emulated/service_sockets.h"
#include "platform/emulated/stray_processes.h"
#include "platform/emulated/supervisor.h"
#include "platform/errors.h"

namespace cutover {
namespace {

std::string describe_end(int status) {
    if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
    return fmt::format("exit code {}", WEXITSTATUS(status));
}

std::string_view without_last_breaks(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

// The last line that is not empty, for a message.
std::string last_line(std::string_view text) {
    text = without_last_breaks(text);
    const auto line_feed = text.rfind('\n');
    return std::string(line_feed == std::string_view::npos ? text : text.substr(line_feed + 1));
}

// All of it, on one line.
std::string on_one_line(std::string_view text) {
    std::string line;
    for (const char c : without_last_breaks(text)) {
        if (c == '\n')
            line += "; ";
        else if (c != '\r')
            line += c;
    }
    return line;
}

std::string with_words(std::string how, const std::string& said) {
    return said.empty() ? how : fmt::format("{}, saying: {}", how, said);
}

std::string_view to_string(SupervisedService::Phase phase) {
    using enum SupervisedService::Phase;
    switch (phase) {
        case idle:
        case starting:
        case hooking:
        case waiting: return "starting";
        case running: return "running";
        case ended: return "ended";
        case failed: return "failed";
        case stopped: return "stopped";
    }
    std::unreachable();
}

// Whole ones: it is read while it counts.
std::string in_seconds(SteadyTime::duration duration) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds % 60 == 0) return fmt::format("{} min", seconds / 60);
    return fmt::format("{} min {} s", seconds / 60, seconds % 60);
}

bool wants_restart(RestartPolicy policy, bool clean) {
    switch (policy) {
        case RestartPolicy::always: return true;
        case RestartPolicy::on_failure: return !clean;
        case RestartPolicy::never: return false;
    }
    std::unreachable();
}

Result<int> signal_number(std::string_view name) {
    if (name == "HUP") return SIGHUP;
    if (name == "USR1") return SIGUSR1;
    if (name == "USR2") return SIGUSR2;
    return fail(Errc::invalid, "'{}' is no signal for reloading", name);
}

}  // namespace

SupervisedService::SupervisedService(PlannedService plan, const ServicePlace& place,
                                     const SupervisorOptions& options, ServiceLog& output_log,
                                     Log& log)
    : plan_(std::move(plan)),
      place_(place),
      options_(options),
      output_log_(output_log),
      log_(log) {}

Result<> SupervisedService::open() {
    sockets_ = TRY(open_sockets(plan_.spec.listen, std::exchange(inherited_, {})));
    if (plan_.spec.ready == ReadyWhen::notified) notify_ = TRY(NotifySocket::open());
    return {};
}

void SupervisedService::begin(SteadyTime now, Attempts attempts) {
    first_started_ = now;
    attempts_ = attempts;
    if (auto opened = open(); !opened) return fail_with(opened.error().text());
    if (auto started = start(now); !started) fail_with(started.error().text());
}

Result<LaunchRequest> SupervisedService::request_for(
    const std::vector<std::string>& command) const {
    if (command.empty()) return fail(errors::boot_failed, "it has no command");
    const auto program = place_.root / command.front();
    if (::access(program.c_str(), X_OK) != 0)
        return fail(errors::boot_failed, "its program {} is missing", command.front());
    auto environment = plan_.spec.environment;
    environment["CUTOVER_ROOT"] = (place_.view.empty() ? place_.root : place_.view).string();
    environment["CUTOVER_DATA"] = place_.data.string();
    environment["CUTOVER_KEYS"] = (place_.device / kKeyring).string();
    environment["CUTOVER_PERSIST"] = place_.persist.string();
    environment[kSupervisedBy] = place_.device.string();
    environment.try_emplace("PATH", fmt::format("{0}/bin:{0}/usr/bin:{0}/sbin:{0}/usr/sbin:"
                                                "/usr/sbin:/usr/bin:/sbin:/bin",
                                                place_.root.string()));
    return LaunchRequest{.program = program,
                         .arguments = command,
                         .environment = std::move(environment),
                         .folder = place_.root,
                         .sockets = {}};
}

Result<> SupervisedService::start(SteadyTime now) {
    auto request = TRY(request_for(plan_.spec.command));
    if (notify_) request.environment["NOTIFY_SOCKET"] = notify_->name();
    for (const auto& socket : sockets_) request.sockets.push_back(socket.fd.get());
    process_ = TRY(ServiceProcess::start(request, output_log_));
    ++starts_;
    started_ = now;
    phase_ = Phase::starting;
    killed_because_.clear();
    said_.clear();
    return {};
}

void SupervisedService::add_events(std::vector<pollfd>& events) const {
    if (process_) process_->add_events(events);
    if (hook_) hook_->process.add_events(events);
    if (notify_) events.push_back({.fd = notify_->fd(), .events = POLLIN, .revents = 0});
}

void SupervisedService::serve(SteadyTime now) {
    if (process_) process_->read_output();
    // Read in any case: what a process says that is gone must not count for the next one.
    const auto said =
        notify_ ? notify_->hear(process_ ? process_->pid() : -1) : NotifySocket::Said();
    if (!said.status.empty()) said_ = said.status;
    if (said.ready && process_ && phase_ == Phase::starting) came_up(now);
    if (process_)
        if (const auto status = process_->ended()) on_end(*status, now);
    serve_hook();
}

void SupervisedService::came_up(SteadyTime now) {
    phase_ = Phase::hooking;
    hooks_left_.assign(plan_.after_start.begin(), plan_.after_start.end());
    hooks_deadline_ = now + start_timeout();
    hook_outcome_.reset();
    go_on_with_hooks();
}

void SupervisedService::became_ready() {
    ready_ = true;
    phase_ = process_ ? Phase::running : Phase::ended;
    detail_.clear();
    log_.debug("service is ready", {{"service", name()}});
}

void SupervisedService::fail_with(std::string why) {
    phase_ = Phase::failed;
    detail_ = std::move(why);
    drop_hook();
    if (process_) process_->signal_group(SIGKILL);
    log_.error("service failed", {{"service", name()}, {"reason", detail_}});
}

void SupervisedService::on_end(int status, SteadyTime now) {
    drop_hook();
    const auto said = process_ ? last_line(process_->tail()) : std::string();
    process_.reset();
    if (stopping_) {
        if (phase_ != Phase::failed) phase_ = Phase::stopped;
        return;
    }
    if (phase_ != Phase::failed) after_end(status, said, now);
}

void SupervisedService::after_end(int status, const std::string& said, SteadyTime now) {
    const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const auto how =
        killed_because_.empty() ? with_words(describe_end(status), said) : killed_because_;
    if (plan_.spec.ready == ReadyWhen::ended) {
        if (!clean) return fail_with(fmt::format("it ended with {}", how));
        return came_up(now);
    }
    const bool may_try_again = ready_ || attempts_ == Attempts::many;
    if (may_try_again && wants_restart(plan_.spec.restart, clean)) return restart_later(now, how);
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
    log_.warning("service ended and will be started again", {{"service", name()}, {"reason", how}});
}

void SupervisedService::on_time(SteadyTime now) {
    if (hook_ && !hook_->late && now >= hook_->deadline) {
        hook_->late = true;
        hook_->process.signal_group(SIGKILL);
    }
    if (stopping_) return;
    go_on_with_hooks();
    if (phase_ == Phase::waiting && now >= restart_at_) {
        ++restarts_;
        if (auto started = start(now); !started) fail_with(started.error().text());
        return;
    }
    const auto& spec = plan_.spec;
    if (phase_ == Phase::starting && spec.ready == ReadyWhen::running &&
        now >= started_ + options_.grace)
        return came_up(now);
    const bool coming_up = phase_ == Phase::starting || phase_ == Phase::waiting;
    if (coming_up && !ready_ && now >= first_started_ + start_timeout())
        return fail_with(fmt::format("it was not ready within {}{}{}",
                                     human_duration(start_timeout()),
                                     detail_.empty() ? "" : "; before, it ended with ", detail_));
    // Started again, and hangs: its end is handled like any other.
    if (phase_ == Phase::starting && process_ && ready_ && now >= started_ + start_timeout())
        process_->signal_group(SIGKILL);
}

std::optional<SteadyTime> SupervisedService::next_time() const {
    std::optional<SteadyTime> next;
    const auto at = [&next](SteadyTime time) { next = next ? std::min(*next, time) : time; };
    if (hook_ && !hook_->late) at(hook_->deadline);
    if (stopping_) return next;
    if (phase_ == Phase::waiting) at(restart_at_);
    if (phase_ == Phase::starting && plan_.spec.ready == ReadyWhen::running)
        at(started_ + options_.grace);
    if (phase_ == Phase::starting || phase_ == Phase::waiting)
        at((ready_ ? started_ : first_started_) + start_timeout());
    return next;
}

void SupervisedService::terminate(int signal) {
    stopping_ = true;
    drop_hook();
    if (process_)
        process_->signal_group(signal);
    else if (phase_ != Phase::failed && phase_ != Phase::ended)
        phase_ = Phase::stopped;
}

// Of a first start, which takes as long as it takes, within its deadline.
std::string SupervisedService::progress(SteadyTime now) const {
    auto text = fmt::format("{} of at most {}", in_seconds(now - first_started_),
                            in_seconds(start_timeout()));
    if (!said_.empty()) text += fmt::format(" ({})", said_);
    if (!detail_.empty()) text += fmt::format("; before, it ended with {}", detail_);
    return text;
}

ServiceStatus SupervisedService::status(SteadyTime now) const {
    const bool first = !ready_ && (phase_ == Phase::starting || phase_ == Phase::hooking ||
                                   phase_ == Phase::waiting);
    return {.name = name(),
            .state = std::string(to_string(phase_)),
            .restarts = restarts_,
            .detail = first ? progress(now) : detail_};
}

Result<> SupervisedService::reload() const {
    CUTOVER_CHECK(process_.has_value());
    process_->signal(TRY(signal_number(plan_.spec.reload_signal)));
    return {};
}

Result<> SupervisedService::run_hook(const std::vector<std::string>& command, SteadyTime now) {
    CUTOVER_CHECK(!hook_);
    hook_outcome_.reset();
    return begin_hook(command, now + start_timeout());
}

void SupervisedService::drop_hook() {
    hooks_left_.clear();
    hook_outcome_.reset();
    if (!hook_) return;
    hook_->dropped = true;
    hook_->process.signal_group(SIGKILL);
}

Result<> SupervisedService::begin_hook(const std::vector<std::string>& command,
                                       SteadyTime deadline) {
    auto request = TRY(request_for(command));
    request.environment["CUTOVER_SERVICE"] = name();
    if (process_) request.environment["CUTOVER_SERVICE_PID"] = std::to_string(process_->pid());
    hook_.emplace(Hook{.process = TRY(ServiceProcess::start(request, output_log_)),
                       .program = command.front(),
                       .deadline = deadline});
    return {};
}

void SupervisedService::serve_hook() {
    if (!hook_) return;
    hook_->process.read_output();
    const auto status = hook_->process.ended();
    if (!status) return;
    const auto hook = std::move(*hook_);
    hook_.reset();
    if (hook.dropped) return;
    const auto how = hook.late ? std::string("was not done in time")
                               : fmt::format("ended with {}", describe_end(*status));
    if (hook.late || *status != 0)
        hook_outcome_ = fail(errors::service_change_failed, "its hook {} {}", hook.program,
                             with_words(how, on_one_line(hook.process.tail())));
    else
        hook_outcome_ = Result<>();
    go_on_with_hooks();
}

// Those after a start, one after the other.
void SupervisedService::go_on_with_hooks() {
    if (phase_ != Phase::hooking || hook_ || !killed_because_.empty()) return;
    if (const auto done = take_hook_outcome(); done && !*done)
        return hooks_failed(done->error().text());
    if (hooks_left_.empty()) return became_ready();
    const auto command = std::move(hooks_left_.front());
    hooks_left_.pop_front();
    if (auto begun = begin_hook(command, hooks_deadline_); !begun)
        hooks_failed(begun.error().text());
}

// A process that lacks what its hooks load must not stay. A first start has failed with that; after
// a crash it is one more end, and the next process may be luckier.
void SupervisedService::hooks_failed(const std::string& why) {
    if (!ready_ || !process_) return fail_with(why);
    killed_because_ = why;
    hooks_left_.clear();
    process_->signal_group(SIGKILL);
}

}  // namespace cutover
