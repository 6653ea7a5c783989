#include "agent/feed.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "agent/errors.h"
#include "base/error.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover {
namespace {

constexpr std::size_t kKeptEvents = 5000;

}  // namespace

Feed::Feed(std::vector<Event> kept)
    : events_(std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end())) {}

void Feed::add(const Event& event) {
    {
        const std::lock_guard lock(mutex_);
        events_.push_back(event);
        if (events_.size() > kKeptEvents) events_.pop_front();
    }
    changed_.notify_all();
}

void Feed::add(const Progress& progress) {
    {
        const std::lock_guard lock(mutex_);
        progress_ = progress;
        ++progress_version_;
    }
    changed_.notify_all();
}

void Feed::forget_before(OperationId operation) {
    const std::lock_guard lock(mutex_);
    const auto first = std::ranges::find(events_, operation, &Event::operation);
    if (first != events_.end()) events_.erase(events_.begin(), first);
}

void Feed::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
}

std::int64_t Feed::last_sequence() const {
    const std::lock_guard lock(mutex_);
    return events_.empty() ? 0 : events_.back().sequence;
}

Feed::Batch Feed::next(const FollowRequest& request, std::int64_t after,
                       std::int64_t& seen_progress, const std::stop_token& stop) {
    const auto concerns = [&](OperationId operation) {
        return request.operation == 0 || request.operation == operation;
    };
    std::unique_lock lock(mutex_);
    const auto has_progress = [&] {
        return request.progress && progress_version_ > seen_progress &&
               concerns(progress_.operation);
    };
    changed_.wait(lock, stop, [&] {
        return closed_ || has_progress() || (!events_.empty() && events_.back().sequence > after);
    });
    Batch batch{.closed = closed_};
    const auto first = std::ranges::upper_bound(events_, after, {}, &Event::sequence);
    std::copy(first, events_.end(), std::back_inserter(batch.events));
    if (has_progress()) {
        batch.progress = progress_;
        seen_progress = progress_version_;
    }
    return batch;
}

Result<> Feed::follow(const FollowRequest& request,
                      const std::function<bool(const FeedItem&)>& sink,
                      const std::stop_token& stop) {
    auto after = request.after_sequence;
    std::int64_t seen_progress = 0;
    while (!stop.stop_requested()) {
        const auto batch = next(request, after, seen_progress, stop);
        for (const auto& event : batch.events) {
            after = event.sequence;
            const bool wanted = request.operation == 0 || request.operation == event.operation;
            if (wanted && !sink(event)) return {};
        }
        if (batch.progress && !sink(*batch.progress)) return {};
        if (batch.closed && batch.events.empty())
            return fail(errors::agent_ending, "the agent ends: the device restarts or is stopped");
    }
    return {};
}

}  // namespace cutover
