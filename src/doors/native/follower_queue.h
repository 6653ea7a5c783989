#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "model/device.h"

namespace cutover {

// What one follower has yet to read: between the thread that feeds it and the one that sends.
// Bounded: of progress only the newest is kept, and a reader who stays behind by `max_events` for
// longer than `patience` is given up. Events are never dropped from the middle.
class FollowerQueue {
public:
    struct Limits {
        std::size_t max_events = 1024;
        std::chrono::milliseconds patience{2000};
    };
    explicit FollowerQueue(const Limits& limits) : limits_(limits) {}

    // The feeding thread. False: no more is wanted.
    bool push(const FeedItem& item);
    void close();  // nothing comes after what is queued
    bool wait_until_abandoned(std::chrono::milliseconds timeout);

    // The sending thread. `item` is empty when none came within `wait`; `ended` when none will.
    struct Taken {
        std::optional<FeedItem> item;
        bool ended = false;
    };
    Taken take(std::chrono::milliseconds wait);
    void abandon();  // the reader is gone; wakes push()

    bool overflowed() const;

private:
    bool push_event(std::unique_lock<std::mutex>& lock, const FeedItem& item);

    const Limits limits_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<FeedItem> items_;
    bool closed_ = false;
    bool abandoned_ = false;
    bool overflowed_ = false;
};

}  // namespace cutover
