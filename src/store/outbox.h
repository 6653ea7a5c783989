#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/event.h"
#include "model/operation.h"
#include "store/database.h"

namespace cutover {

// An event that waits for delivery.
struct OutboxEvent {
    // Grows from event to event, over restarts too; what was dropped leaves gaps. A receiver that
    // has seen it knows a repetition by it.
    std::int64_t sequence = 0;
    Event event;  // its own sequence number is 0 where `cutover show events` has none of it
    std::optional<Operation> operation;  // as it was then, without its lists
    std::optional<Alarm> alarm;          // of "alarm.raised" and "alarm.cleared"
    std::optional<Progress> progress;    // of "operation.progress"
    bool operator==(const OutboxEvent&) const = default;
};

// Whether only the state that follows matters: stages and percentages, not what an operation has
// come to, nor alarms.
bool is_progress(const Event& event);

struct OutboxCounts {
    std::int64_t waiting = 0;
    std::int64_t dropped = 0;  // since the device was made
    std::optional<WallTime> oldest;
    bool operator==(const OutboxCounts&) const = default;
};

// Events that wait for delivery, a table of the store's database. Nothing here is durable before
// the transaction around it is.
class Outbox {
public:
    static Result<> prepare(Database& database);

    explicit Outbox(Database& database) : database_(database) {}

    // Where more than `max_waiting` wait, the oldest progress goes and is counted. State changes
    // stay, also where they alone are more.
    Result<> add(const OutboxEvent& event, std::int64_t max_waiting);
    Result<std::vector<OutboxEvent>> first(int max_count);  // oldest first
    Result<> forget(std::int64_t up_to_sequence);
    Result<> forget_all();
    Result<OutboxCounts> counts();
    // Adds an event that tells how many were dropped, where that is not told yet.
    Result<> tell_dropped(WallTime now);

private:
    Result<> make_room(std::int64_t max_waiting);
    Result<std::int64_t> counter(const char* key);
    Result<> set_counter(const char* key, std::int64_t value);

    Database& database_;
};

}  // namespace cutover
