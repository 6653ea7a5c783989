#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover {

// What happened, for any number of followers at their own pace. The last events are kept; of
// progress only the newest, for nobody wants yesterday's percentage. A slow follower costs nothing.
class Feed {
public:
    explicit Feed(std::vector<Event> kept);

    void add(const Event& event);
    void add(const Progress& progress);
    void forget_before(OperationId operation);  // what came before its first event
    void close();  // every follower ends as `unavailable`: the agent ends

    Result<> follow(const FollowRequest& request, const std::function<bool(const FeedItem&)>& sink,
                    const std::stop_token& stop);
    std::int64_t last_sequence() const;

private:
    struct Batch {
        std::vector<Event> events;
        std::optional<Progress> progress;
        bool closed = false;
    };
    Batch next(const FollowRequest& request, std::int64_t after, std::int64_t& seen_progress,
               const std::stop_token& stop);

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Event> events_;
    Progress progress_;
    std::int64_t progress_version_ = 0;
    bool closed_ = false;
};

}  // namespace cutover
