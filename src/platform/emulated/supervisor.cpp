#include "platform/emulated/supervisor.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <string>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "model/device.h"
#include "model/service_change.h"
#include "platform/emulated/errors.h"
#include "platform/emulated/service_list.h"
#include "platform/emulated/service_transition.h"
#include "platform/emulated/supervised_service.h"

namespace cutover {
namespace {

constexpr std::chrono::milliseconds kLongestWait{1000};

// What is asked of the supervisor's thread, and what has become of it.
struct Change {
    std::vector<ServiceAction> actions;
    bool cancelled = false;
    std::optional<Result<>> outcome;
};

}  // namespace

class Supervisor::Loop {
public:
    Loop(std::vector<PlannedService> plans, ServicePlace place, SupervisorOptions options, Log& log)
        : options_(options),
          wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          list_(std::move(place), options, log) {
        for (auto& plan : plans) list_.services().push_back(list_.make(std::move(plan)));
        publish();
    }

    // The thread's whole life.
    void run() {
        while (!over()) {
            const auto now = clock_.steady();
            begin_services(now);
            list_.on_time(now);
            go_on_with_change(now);
            stop_services(now);
            publish();
            wait();
        }
        publish();
        const std::scoped_lock lock(mutex_);
        ended_ = true;
        if (change_ && !change_->outcome)
            change_->outcome = fail(Errc::cancelled, "the services were stopped");
        settled_.notify_all();
    }

    void ask_to_stop() {
        const std::scoped_lock lock(mutex_);
        stop_asked_ = true;
        wake();
    }

    Result<> wait_until_up(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        const auto settled = [&] { return outcome_.has_value(); };
        if (const auto patience = options_.patience) {
            settled_.wait_for(lock, stop, *patience, settled);
            if (!outcome_ && !stop.stop_requested()) return {};
        } else {
            settled_.wait(lock, stop, settled);
        }
        if (outcome_) return *outcome_;
        return fail(Errc::cancelled, "the start of the services was stopped");
    }

    Result<> change(std::vector<ServiceAction> actions, std::stop_token stop) {
        std::unique_lock lock(mutex_);
        settled_.wait(lock, stop, [&] { return outcome_ || ended_ || stop_asked_; });
        if (!outcome_ || ended_ || stop_asked_)
            return fail(Errc::conflict, "the services are being started or stopped");
        if (change_) return fail(Errc::conflict, "another change of the services is under way");
        change_.emplace().actions = std::move(actions);
        wake();
        const auto done = [&] { return change_->outcome.has_value(); };
        if (!settled_.wait(lock, std::move(stop), done)) {
            change_->cancelled = true;
            wake();
            settled_.wait(lock, done);  // the loop is never long
        }
        Result<> outcome;
        if (change_ && change_->outcome) outcome = *std::move(change_->outcome);
        change_.reset();
        return outcome;
    }

    std::vector<ServiceStatus> status() const {
        const std::scoped_lock lock(mutex_);
        return snapshot_;
    }

    std::string starting() const {
        const std::scoped_lock lock(mutex_);
        if (outcome_ || ended_ || stop_asked_) return {};
        std::vector<std::string> texts;
        for (const auto& service : snapshot_)
            if (service.state == "starting" && !service.detail.empty())
                texts.push_back(fmt::format("{} is starting: {}", service.name, service.detail));
        return texts.empty() ? "services are starting" : fmt::format("{}", fmt::join(texts, "; "));
    }

private:
    void wake() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto woken = ::write(wake_.get(), &one, sizeof one);
    }

    bool over() const { return stopping_ && !list_.has_processes(); }

    // In the order of the list; one that ends or tells when it is ready holds up those after it.
    void begin_services(SteadyTime now) {
        if (stopping_ || booted_) return;
        const SupervisedService* before = nullptr;
        for (auto& service : list_.services()) {
            if (before != nullptr && before->others_wait() && !before->ready()) return;
            if (service.phase() == SupervisedService::Phase::idle)
                service.begin(now, SupervisedService::Attempts::many);
            before = &service;
        }
        booted_ = true;
    }

    void go_on_with_change(SteadyTime now) {
        if (!take_change()) return;
        if (stopping_ || cancelled()) {
            if (transition_) transition_->give_up(now);
            return end_change(fail(Errc::cancelled, "the change of services was stopped"));
        }
        while (transition_ || !actions_.empty()) {
            if (!transition_) {
                transition_.emplace(std::move(actions_.front()), list_);
                actions_.pop_front();
            }
            auto outcome = transition_->advance(now);
            if (!outcome) return;
            transition_.reset();
            if (!*outcome) return end_change(std::move(*outcome));
        }
        end_change({});
    }

    // Whether one is under way.
    bool take_change() {
        const std::scoped_lock lock(mutex_);
        if (changing_ || !change_ || change_->outcome) return changing_;
        changing_ = true;
        booted_ = true;  // what did not begin because another one failed never will
        actions_.assign(std::move_iterator(change_->actions.begin()),
                        std::move_iterator(change_->actions.end()));
        return true;
    }

    bool cancelled() const {
        const std::scoped_lock lock(mutex_);
        return change_ && change_->cancelled;
    }

    // Told by publish(), together with what has become of the services.
    void end_change(Result<> outcome) {
        changing_ = false;
        transition_.reset();
        actions_.clear();
        change_outcome_ = std::move(outcome);
    }

    void stop_services(SteadyTime now) {
        if (!stopping_ && asked_to_stop()) {
            stopping_ = true;
            kill_at_ = now + options_.stop_timeout;
            list_.terminate(SIGTERM);
        }
        if (stopping_ && now >= kill_at_) list_.terminate(SIGKILL);
    }

    bool asked_to_stop() const {
        const std::scoped_lock lock(mutex_);
        return stop_asked_;
    }

    void publish() {
        const std::scoped_lock lock(mutex_);
        snapshot_ = list_.status(clock_.steady());
        if (change_outcome_ && change_) {
            change_->outcome = std::exchange(change_outcome_, std::nullopt);
            settled_.notify_all();
        }
        if (outcome_) return;
        const auto& services = list_.services();
        const auto broken = std::ranges::find_if(services, &SupervisedService::failed);
        if (broken != services.end())
            outcome_ =
                fail(errors::boot_failed, "service {}: {}", broken->name(), broken->detail());
        else if (std::ranges::all_of(services, &SupervisedService::ready))
            outcome_ = Result<>();
        else if (stopping_)
            outcome_ = fail(Errc::cancelled, "the services were stopped before they were ready");
        if (outcome_) settled_.notify_all();
    }

    int wait_ms() const {
        const auto now = clock_.steady();
        auto until = now + kLongestWait;
        if (const auto next = list_.next_time()) until = std::min(until, *next);
        if (transition_)
            if (const auto next = transition_->next_time()) until = std::min(until, *next);
        if (stopping_) until = std::min(until, std::max(kill_at_, now));
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
        return static_cast<int>(std::max<std::int64_t>(wait, stopping_ ? 1 : 0));
    }

    void wait() {
        if (over()) return;
        std::vector<pollfd> events{{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
        list_.add_events(events);
        if (::poll(events.data(), events.size(), wait_ms()) <= 0) return;
        std::uint64_t count = 0;
        [[maybe_unused]] const auto taken = ::read(wake_.get(), &count, sizeof count);
        list_.serve(clock_.steady());
    }

    const SupervisorOptions options_;
    SystemClock clock_;
    UniqueFd wake_;
    ServiceList list_;
    bool booted_ = false;  // every service has been begun
    bool stopping_ = false;
    SteadyTime kill_at_{};
    bool changing_ = false;
    std::deque<ServiceAction> actions_;  // of the change, not begun yet
    std::optional<ServiceTransition> transition_;
    std::optional<Result<>> change_outcome_;

    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable_any settled_;
    bool stop_asked_ = false;
    bool ended_ = false;
    std::optional<Result<>> outcome_;
    std::optional<Change> change_;
    std::vector<ServiceStatus> snapshot_;
};

Supervisor::Supervisor(std::vector<PlannedService> services, ServicePlace place,
                       SupervisorOptions options, Log& log)
    : loop_(std::make_unique<Loop>(std::move(services), std::move(place), options, log)) {}

Supervisor::~Supervisor() { stop(); }

Result<> Supervisor::start(std::stop_token stop) {
    CUTOVER_CHECK(!thread_.joinable());
    thread_ = std::jthread([loop = loop_.get()] { loop->run(); });
    return loop_->wait_until_up(stop);
}

void Supervisor::stop() {
    if (!thread_.joinable()) return;
    loop_->ask_to_stop();
    thread_.join();
}

Result<> Supervisor::change(std::vector<ServiceAction> actions, std::stop_token stop) {
    return loop_->change(std::move(actions), std::move(stop));
}

std::string Supervisor::starting() const { return loop_->starting(); }

std::vector<ServiceStatus> Supervisor::status() const { return loop_->status(); }

}  // namespace cutover
