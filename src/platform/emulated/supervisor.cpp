#include "platform/emulated/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "model/device.h"
#include "model/manifest.h"
#include "platform/emulated/errors.h"
#include "platform/emulated/supervised_service.h"

namespace cutover {
namespace {

constexpr std::chrono::milliseconds kLongestWait{1000};

}  // namespace

class Supervisor::Loop {
public:
    Loop(std::vector<ServiceSpec> specs, ServicePlace place, SupervisorOptions options, Log& log)
        : place_(std::move(place)), options_(options), wake_(::eventfd(0, EFD_CLOEXEC)) {
        for (auto& spec : specs) services_.emplace_back(std::move(spec), place_, options_, log);
        publish();
    }

    // The thread's whole life.
    void run() {
        while (!over()) {
            const auto now = clock_.steady();
            begin_services(now);
            for (auto& service : services_) service.on_time(now);
            stop_services(now);
            publish();
            wait();
        }
        publish();
    }

    void ask_to_stop() {
        const std::scoped_lock lock(mutex_);
        stop_asked_ = true;
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto woken = ::write(wake_.get(), &one, sizeof one);
    }

    Result<> wait_until_up(std::stop_token stop) {
        std::unique_lock lock(mutex_);
        settled_.wait(lock, std::move(stop), [&] { return outcome_.has_value(); });
        if (outcome_) return *outcome_;
        return fail(Errc::cancelled, "the start of the services was stopped");
    }

    std::vector<ServiceStatus> status() const {
        const std::scoped_lock lock(mutex_);
        return snapshot_;
    }

private:
    bool over() const {
        return stopping_ && std::ranges::none_of(services_, &SupervisedService::has_process);
    }

    // In the manifest's order; one that ends or tells when it is ready holds up those after it.
    void begin_services(SteadyTime now) {
        while (!stopping_ && begun_ < services_.size()) {
            const auto* const before = begun_ == 0 ? nullptr : &services_.at(begun_ - 1);
            if (before != nullptr && before->others_wait() && !before->ready()) return;
            services_.at(begun_++).begin(now);
        }
    }

    void stop_services(SteadyTime now) {
        if (!stopping_ && asked_to_stop()) {
            stopping_ = true;
            kill_at_ = now + options_.stop_timeout;
            for (auto& service : services_) service.terminate(SIGTERM);
        }
        if (stopping_ && now >= kill_at_)
            for (auto& service : services_) service.terminate(SIGKILL);
    }

    bool asked_to_stop() const {
        const std::scoped_lock lock(mutex_);
        return stop_asked_;
    }

    void publish() {
        const std::scoped_lock lock(mutex_);
        snapshot_.clear();
        for (const auto& service : services_) snapshot_.push_back(service.status());
        if (outcome_) return;
        const auto broken = std::ranges::find_if(services_, &SupervisedService::failed);
        if (broken != services_.end())
            outcome_ = fail(errors::boot_failed, "{}", broken->reason());
        else if (std::ranges::all_of(services_, &SupervisedService::ready))
            outcome_ = Result<>();
        else if (stopping_)
            outcome_ = fail(Errc::cancelled, "the services were stopped before they were ready");
        if (outcome_) settled_.notify_all();
    }

    int wait_ms() const {
        const auto now = clock_.steady();
        auto until = now + kLongestWait;
        for (const auto& service : services_)
            if (const auto next = service.next_time()) until = std::min(until, *next);
        if (stopping_) until = std::min(until, std::max(kill_at_, now));
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
        return static_cast<int>(std::max<std::int64_t>(wait, stopping_ ? 1 : 0));
    }

    void wait() {
        if (over()) return;
        std::vector<pollfd> events{{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
        for (const auto& service : services_)
            for (const int fd : {service.output(), service.notify(), service.pidfd()})
                events.push_back({.fd = fd, .events = POLLIN, .revents = 0});
        if (::poll(events.data(), events.size(), wait_ms()) <= 0) return;
        if (events.front().revents != 0) {
            std::uint64_t count = 0;
            [[maybe_unused]] const auto taken = ::read(wake_.get(), &count, sizeof count);
        }
        const auto now = clock_.steady();
        for (std::size_t i = 0; i < services_.size(); ++i) {
            auto& service = services_.at(i);
            if (events.at(1 + 3 * i).revents != 0) service.on_output();
            if (events.at(2 + 3 * i).revents != 0) service.on_notify();
            if (events.at(3 + 3 * i).revents != 0) service.on_exit(now);
        }
    }

    const ServicePlace place_;
    const SupervisorOptions options_;
    SystemClock clock_;
    UniqueFd wake_;
    std::deque<SupervisedService> services_;  // a deque: they refer to place_ and do not move
    std::size_t begun_ = 0;
    bool stopping_ = false;
    SteadyTime kill_at_{};

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable_any settled_;
    bool stop_asked_ = false;
    std::optional<Result<>> outcome_;
    std::vector<ServiceStatus> snapshot_;
};

Supervisor::Supervisor(std::vector<ServiceSpec> services, ServicePlace place,
                       SupervisorOptions options, Log& log)
    : loop_(std::make_unique<Loop>(std::move(services), std::move(place), options, log)) {}

Supervisor::~Supervisor() { stop(); }

Result<> Supervisor::start(std::stop_token stop) {
    CUTOVER_CHECK(!thread_.joinable());
    thread_ = std::jthread([loop = loop_.get()] { loop->run(); });
    return loop_->wait_until_up(std::move(stop));
}

void Supervisor::stop() {
    if (!thread_.joinable()) return;
    loop_->ask_to_stop();
    thread_.join();
}

std::vector<ServiceStatus> Supervisor::status() const { return loop_->status(); }

}  // namespace cutover
