#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "model/device.h"
#include "model/event.h"

namespace cutover {

// Tells those who watch over the machine how operations go: the log, with ids that the journal can
// be searched by, and the service manager, which shows one line of what the agent is doing.
class OperationNews {
public:
    // Of events after that one. What it is given outlives it.
    OperationNews(Device& device, Log& log, std::int64_t after_sequence);
    ~OperationNews();
    OperationNews(const OperationNews&) = delete;
    OperationNews& operator=(const OperationNews&) = delete;

private:
    void follow(std::int64_t after_sequence, const std::stop_token& stop);
    void tell(const FeedItem& item);
    void write_log(const Event& event);
    void show_status(const Progress* progress);

    Device& device_;
    Log& log_;
    SteadyTime next_status_{};  // of progress
    std::string status_;

    std::jthread thread_;  // last: it uses all above
};

}  // namespace cutover
