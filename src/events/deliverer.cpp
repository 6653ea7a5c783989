#include "events/deliverer.h"

#include <algorithm>
#include <chrono>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "events/event_sink.h"
#include "store/database.h"
#include "store/outbox.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

// Somebody wakes the thread when there is something new; this is for one who did not.
constexpr milliseconds kLongestSleep{std::chrono::seconds(30)};
constexpr milliseconds kFirstSilence{std::chrono::minutes(1)};
constexpr milliseconds kLongestSilence{std::chrono::hours(1)};

}  // namespace

Result<std::unique_ptr<Deliverer>> Deliverer::start(const std::filesystem::path& database,
                                                    SinkOpener open, Clock& clock, Log& log,
                                                    const Options& options) {
    auto opened = TRY(Database::open(database));
    // An acknowledgement that a power cut takes back costs a repetition, which is allowed. Neither
    // syncing nor making checkpoints, this connection holds the database only for moments: the
    // engine, which shares it, does not wait for the disk because of events.
    TRY(opened.query("PRAGMA synchronous=NORMAL"));
    TRY(opened.query("PRAGMA wal_autocheckpoint=0"));
    std::unique_ptr<Deliverer> deliverer(
        new Deliverer(std::move(opened), std::move(open), clock, log, options));
    deliverer->thread_ =
        std::jthread([raw = deliverer.get()](const std::stop_token& stop) { raw->work(stop); });
    return deliverer;
}

Result<std::unique_ptr<Deliverer>> Deliverer::start(const std::filesystem::path& database,
                                                    SinkOpener open, Clock& clock, Log& log) {
    return start(database, std::move(open), clock, log, Options{});
}

Deliverer::Deliverer(Database database, SinkOpener open, Clock& clock, Log& log,
                     const Options& options)
    : database_(std::move(database)),
      open_(std::move(open)),
      clock_(clock),
      log_(log),
      options_(options) {}

Deliverer::~Deliverer() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void Deliverer::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_all();
}

DeliveryStatus Deliverer::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void Deliverer::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        const auto more = deliver(stop);
        if (stop.stop_requested()) break;
        if (!more) {
            note_failure(more.error());
            rest(pause_, false, stop);
        } else if (!*more) {
            rest(kLongestSleep, true, stop);
        }
    }
    sink_.reset();
}

// Whether there may be more at once.
Result<bool> Deliverer::deliver(const std::stop_token& stop) {
    auto published = publish(stop);
    TRY(look());
    if (!published) return std::unexpected(std::move(published).error());
    if (published->acknowledged == 0) {
        auto& error = published->error;
        if (error) return std::unexpected(std::move(*error));
        return false;
    }
    note_success();
    TRY(database_.transact([&] { return Outbox(database_).tell_dropped(clock_.wall()); }));
    return true;
}

Result<Published> Deliverer::publish(const std::stop_token& stop) {
    const auto batch = TRY(Outbox(database_).first(options_.batch));
    if (batch.empty()) return Published{};
    if (!sink_) sink_ = TRY(open_());
    auto published = sink_->publish(batch, stop);
    const auto arrived = std::min(published.acknowledged, batch.size());
    if (arrived > 0) {
        const auto last = batch.at(arrived - 1).sequence;
        TRY(database_.transact([&] { return Outbox(database_).forget(last); }));
    } else if (!published.error && !stop.stop_requested()) {
        published.error = make_error(Errc::timeout, "nothing was acknowledged");
    }
    return published;
}

Result<> Deliverer::look() {
    const auto counts = TRY(Outbox(database_).counts());
    const std::lock_guard lock(mutex_);
    status_.counts = counts;
    return {};
}

void Deliverer::note_success() {
    pause_ = {};
    silence_ = {};
    std::optional<WallTime> failing_since;
    std::string waiting;
    {
        const std::lock_guard lock(mutex_);
        failing_since = std::exchange(status_.failing_since, std::nullopt);
        status_.arrives = true;
        status_.reason.clear();
        waiting = std::to_string(status_.counts.waiting);
    }
    if (failing_since)
        log_.info("events arrive again",
                  {{"failed_since", to_iso8601(*failing_since)}, {"waiting", waiting}});
}

// Says so at once, and then ever more seldom.
void Deliverer::note_failure(const Error& error) {
    pause_ = std::clamp(pause_ * 2, options_.first_pause, options_.longest_pause);
    std::string waiting;
    {
        const std::lock_guard lock(mutex_);
        if (!status_.failing_since) status_.failing_since = clock_.wall();
        status_.arrives = false;
        status_.reason = error.text();
        waiting = std::to_string(status_.counts.waiting);
    }
    const auto now = clock_.steady();
    if (silence_ > milliseconds(0) && now < told_ + silence_) return;
    told_ = now;
    silence_ = std::clamp(silence_ * 2, kFirstSilence, kLongestSilence);
    log_.warning("events do not arrive", {{"waiting", waiting}, {"error", error.text()}});
}

void Deliverer::rest(milliseconds longest, bool until_woken, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, longest, [&] { return until_woken && woken_; });
    woken_ = false;
}

}  // namespace cutover
