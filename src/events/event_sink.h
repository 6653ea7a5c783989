#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/outbox.h"

namespace cutover {

// How much of a batch has arrived: so many events from its front. `error` says why not all have.
struct Published {
    std::size_t acknowledged = 0;
    std::optional<Error> error;
};

// Where events are delivered to. One thread. What is opened may be closed and opened anew at any
// time; then what was not acknowledged is published again.
class EventSink {
public:
    virtual ~EventSink() = default;

    // Publishes the events, which are in order, so that they arrive in order. Returns within
    // seconds, soon after `stop`, and may be called again with events that were not acknowledged in
    // time: those are then on their way, and are not sent twice.
    virtual Published publish(std::span<const OutboxEvent> batch, const std::stop_token& stop) = 0;
};

// The messages that tell of an event, ready to be sent; the same ones each time, and none for an
// event that nobody is told of.
using EventEncoder = std::function<std::vector<std::string>(const OutboxEvent&)>;

using SinkOpener = std::function<Result<std::unique_ptr<EventSink>>()>;

}  // namespace cutover
