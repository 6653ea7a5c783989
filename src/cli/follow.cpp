#include "cli/follow.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/errors.h"
#include "cli/json.h"
#include "cli/operation_view.h"
#include "cli/render_operation.h"
#include "cli/session.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRetry{100};            // between attempts to connect
constexpr milliseconds kPoll{1000};            // where events cannot be had
constexpr std::chrono::minutes kGiveUp{15};    // without any answer
constexpr std::chrono::seconds kReadKept{20};  // all the kept events

// Asks for a stop after a while, and when the person presses Ctrl-C.
class Patience {
public:
    Patience(const Context& context, milliseconds timeout) {
        if (context.watch_interrupts) interrupts_ = context.watch_interrupts(stop_);
        if (timeout.count() == 0) return;
        timer_ = std::jthread([this, &context, timeout](const std::stop_token& ended) {
            if (!context.clock.sleep(timeout, ended)) return;
            timed_out_ = true;
            stop_.request_stop();
        });
    }
    std::stop_token token() const { return stop_.get_token(); }
    bool over() const { return stop_.stop_requested(); }
    bool timed_out() const { return timed_out_; }

private:
    std::stop_source stop_;
    std::shared_ptr<void> interrupts_;
    std::atomic<bool> timed_out_ = false;
    std::jthread timer_;  // last: it ends first
};

// Counts for how long nobody has answered.
class Silence {
public:
    Silence(const Clock& clock) : clock_(clock) {}
    bool begin() {  // true when it begins now
        if (silent_) return false;
        silent_ = true;
        since_ = clock_.steady();
        return true;
    }
    void end() { silent_ = false; }
    bool too_long() const { return silent_ && clock_.steady() - since_ > kGiveUp; }

private:
    const Clock& clock_;
    SteadyTime since_;
    bool silent_ = false;
};

class Follower {
public:
    Follower(Session& session, OperationView& view, const FollowOptions& options)
        : session_(session),
          view_(view),
          options_(options),
          patience_(session.context(), options.timeout),
          silence_(session.context().clock),
          after_(options.after_sequence) {}

    Result<Operation> run() {
        while (!patience_.over()) {
            const auto looked = look();
            if (looked && operation_ && ended()) return *operation_;
            if (!looked && looked.error().kind != Errc::unavailable)
                return std::unexpected(looked.error());
            if (!looked) {
                TRY(wait_for_device(looked.error()));
                continue;
            }
            listen();
        }
        return std::unexpected(waiting_ended());
    }

private:
    // How the operation stands now.
    Result<> look() {
        auto* device = TRY(session_.device());
        operation_ = TRY(device->operation(options_.operation));
        silence_.end();
        view_.update(*operation_);
        return {};
    }

    bool ended() const {
        return operation_ &&
               (is_over(operation_->state) ||
                (options_.until_trial && operation_->state == OperationState::awaiting_commit));
    }

    // Events until the operation is over or the connection breaks. What ended it shows at the next
    // look(); an agent that gives no events is asked again after a pause.
    void listen() {
        auto device = session_.device();
        if (!device) return;
        const auto followed = (*device)->follow(
            {.after_sequence = after_, .operation = options_.operation, .progress = true},
            [this](const FeedItem& item) { return take(item); }, patience_.token());
        if (ended() || patience_.over()) return;
        if (!followed && followed.error().kind == Errc::unavailable)
            return session_.forget_device();
        session_.context().clock.sleep(kPoll, patience_.token());
    }

    bool take(const FeedItem& item) {
        if (const auto* progress = std::get_if<Progress>(&item)) {
            view_.progress(*progress);
            return !patience_.over();
        }
        const auto& event = std::get<Event>(item);
        after_ = event.sequence;
        view_.event(event);
        return look() && !ended() && !patience_.over();
    }

    Result<> wait_for_device(const Error& why) {
        session_.forget_device();
        if (silence_.begin() && operation_) view_.restarting();
        if (silence_.too_long() || !operation_) return std::unexpected(why);
        session_.context().clock.sleep(kRetry, patience_.token());
        return {};
    }

    Error waiting_ended() const {
        const auto id = options_.operation;
        auto error = make_error(errors::cli_waiting_ended,
                                fmt::format("operation {} is not over; it goes on by itself", id));
        error.set_cause(patience_.timed_out()
                            ? fmt::format("--timeout {} has passed", to_string(options_.timeout))
                            : "following was interrupted");
        error.remedy = fmt::format(
            "cutover show operation {} --follow picks it up again; cutover "
            "cancel undoes it",
            id);
        return error;
    }

    Session& session_;
    OperationView& view_;
    const FollowOptions options_;
    Patience patience_;
    Silence silence_;
    std::int64_t after_;
    std::optional<Operation> operation_;
};

void print_item(const Session& session, const FeedItem& item) {
    if (const auto* progress = std::get_if<Progress>(&item)) {
        if (session.json()) session.print_line(json::progress(*progress));
        return;
    }
    const auto& event = std::get<Event>(item);
    session.print_line(session.json() ? json::event(event) : event_line(event, session.terminal()));
}

}  // namespace

Result<Operation> follow_operation(Session& session, OperationView& view,
                                   const FollowOptions& options) {
    auto result = Follower(session, view, options).run();
    view.finish();
    return result;
}

Result<> follow_events(Session& session, const FollowRequest& request) {
    const Patience patience(session.context(), milliseconds(0));
    Silence silence(session.context().clock);
    auto wanted = request;
    const auto sink = [&](const FeedItem& item) {
        if (const auto* event = std::get_if<Event>(&item)) wanted.after_sequence = event->sequence;
        print_item(session, item);
        return !patience.over();
    };
    const auto listen = [&]() -> Result<> {
        auto* device = TRY(session.device());
        TRY(device->state());  // whether it is back
        silence.end();
        return device->follow(wanted, sink, patience.token());
    };
    while (!patience.over()) {
        const auto followed = listen();
        if (followed) continue;
        if (followed.error().kind != Errc::unavailable || silence.too_long()) return followed;
        session.forget_device();
        if (silence.begin() && !session.json()) session.err() << "device is restarting\n";
        session.context().clock.sleep(kRetry, patience.token());
    }
    return {};
}

Result<> print_events(Session& session, const FollowRequest& request, std::int64_t last) {
    if (request.after_sequence >= last) return {};
    // Of an operation's events the last one has an unknown number: ended by what is there.
    auto all = request;
    all.operation = 0;
    const Patience patience(session.context(), kReadKept);
    auto* device = TRY(session.device());
    return device->follow(
        all,
        [&](const FeedItem& item) {
            const auto* event = std::get_if<Event>(&item);
            if (event == nullptr) return true;
            const bool wanted = request.operation == 0 || event->operation == request.operation;
            if (wanted) print_item(session, item);
            return event->sequence < last;
        },
        patience.token());
}

}  // namespace cutover::cli
