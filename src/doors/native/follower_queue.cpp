#include "doors/native/follower_queue.h"

#include <chrono>
#include <mutex>
#include <utility>
#include <variant>

#include "model/device.h"
#include "model/event.h"

namespace cutover {

bool FollowerQueue::push(const FeedItem& item) {
    std::unique_lock lock(mutex_);
    if (abandoned_ || overflowed_) return false;
    if (std::holds_alternative<Event>(item)) return push_event(lock, item);
    if (!items_.empty() && std::holds_alternative<Progress>(items_.back()))
        items_.back() = item;
    else if (items_.size() < limits_.max_events)
        items_.push_back(item);
    changed_.notify_all();
    return true;
}

bool FollowerQueue::push_event(std::unique_lock<std::mutex>& lock, const FeedItem& item) {
    const auto room = [this] { return items_.size() < limits_.max_events || abandoned_; };
    if (!changed_.wait_for(lock, limits_.patience, room)) overflowed_ = true;
    if (abandoned_ || overflowed_) {
        changed_.notify_all();
        return false;
    }
    items_.push_back(item);
    changed_.notify_all();
    return true;
}

void FollowerQueue::close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

bool FollowerQueue::wait_until_abandoned(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [this] { return abandoned_; });
}

FollowerQueue::Taken FollowerQueue::take(std::chrono::milliseconds wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [this] { return !items_.empty() || closed_ || overflowed_; });
    if (items_.empty()) return {.item = {}, .ended = closed_ || overflowed_};
    Taken taken{.item = std::move(items_.front()), .ended = false};
    items_.pop_front();
    changed_.notify_all();
    return taken;
}

void FollowerQueue::abandon() {
    const std::scoped_lock lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
}

bool FollowerQueue::overflowed() const {
    const std::scoped_lock lock(mutex_);
    return overflowed_;
}

}  // namespace cutover
