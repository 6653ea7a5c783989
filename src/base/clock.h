#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cutover {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Where time comes from, so that a test can move it.
class Clock {
public:
    virtual ~Clock() = default;
    virtual WallTime wall() const = 0;
    virtual SteadyTime steady() const = 0;
    // Waits; false when stopped before.
    virtual bool sleep(std::chrono::milliseconds duration, std::stop_token stop) = 0;
};

class SystemClock final : public Clock {
public:
    WallTime wall() const override;
    SteadyTime steady() const override;
    bool sleep(std::chrono::milliseconds duration, std::stop_token stop) override;
};

std::string to_iso8601(WallTime time);                 // 2026-11-21T10:02:11Z (UTC, whole seconds)
Result<WallTime> from_iso8601(std::string_view text);  // exactly what to_iso8601() writes
std::string to_status_time(WallTime time);  // 2014-06-13 13:12:26 (UTC), the status file's

// "250ms", "2s", "10m", "1h"; a bare number is refused, for nobody knows its unit.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string to_string(std::chrono::milliseconds duration);       // as parse_duration() reads it
std::string human_duration(std::chrono::milliseconds duration);  // "0.6 s", "2 min 5 s"
std::string human_size(unsigned long long bytes);                // SI: "578 MB"

}  // namespace cutover
