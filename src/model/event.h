#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/operation.h"

namespace cutover {

// Severities of ITU-T X.733.
enum class Severity : std::uint8_t { cleared, indeterminate, warning, minor, major, critical };
std::string_view to_string(Severity severity);
std::optional<Severity> severity_from(std::string_view name);

// Something that happened, kept, in order: `sequence` grows by one from event to event.
struct Event {
    std::int64_t sequence = 0;
    WallTime time{};
    std::string type;  // "operation.started", "stage.ended", "alarm.raised", "mark.moved"
    OperationId operation = 0;
    std::string text;
    bool operator==(const Event&) const = default;
};

// How far the step at work has come. Not kept.
struct Progress {
    OperationId operation = 0;
    Stage stage = Stage::init;
    std::string step;  // "write slot B"
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;  // 0: not known
    std::uint64_t bytes_per_second = 0;
    bool operator==(const Progress&) const = default;
};

struct Alarm {
    std::string name;  // "upgrade-failed"; one alarm of a name at a time
    Severity severity = Severity::warning;
    std::string text;
    WallTime raised{};
    std::optional<WallTime> cleared;
    OperationId operation = 0;
    bool operator==(const Alarm&) const = default;
};

}  // namespace cutover
