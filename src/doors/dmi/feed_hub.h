#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "model/device.h"

namespace cutover {

// What happens on the device, from now on, for any number of readers: one thread follows, however
// many read. A reader who stays behind by too much is given up and never holds up another.
class FeedHub {
public:
    class Reader {
    public:
        // Nothing when none came within `wait`. Of progress only the newest is kept.
        std::optional<FeedItem> take(std::chrono::milliseconds wait);
        bool overflowed() const;

    private:
        friend class FeedHub;
        void push(const FeedItem& item);

        mutable std::mutex mutex_;
        std::condition_variable changed_;
        std::deque<FeedItem> items_;
        bool overflowed_ = false;
    };

    explicit FeedHub(Device& device);
    ~FeedHub();
    FeedHub(const FeedHub&) = delete;
    FeedHub& operator=(const FeedHub&) = delete;

    // Gets all from now on, as long as it lives.
    std::shared_ptr<Reader> subscribe();

private:
    void work(const std::stop_token& stop);
    void pass_on(const FeedItem& item);

    Device& device_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<Reader>> readers_;
    std::jthread thread_;
};

}  // namespace cutover
