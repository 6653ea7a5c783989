#include "base/clock.h"

#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <limits>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

std::tm utc(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    const auto as_time_t = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::gmtime_r(&as_time_t, &parts);
    return parts;
}

struct Unit {
    std::string_view suffix;
    std::int64_t milliseconds;
};

// Longest suffix first where one ends in another.
constexpr std::array kUnits{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000},
                            Unit{"h", 3'600'000}};

}  // namespace

WallTime SystemClock::wall() const {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady() const { return std::chrono::steady_clock::now(); }

bool SystemClock::sleep(milliseconds duration, std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
}

std::string to_iso8601(WallTime time) {
    const auto parts = utc(time);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Result<WallTime> from_iso8601(std::string_view text) {
    std::tm parts{};
    const auto field = [&](std::size_t at, std::size_t length, int& value) {
        if (at + length > text.size()) return false;
        const auto* const end = text.data() + at + length;
        const auto [stop, error] = std::from_chars(text.data() + at, end, value);
        return error == std::errc{} && stop == end;
    };
    const bool whole = field(0, 4, parts.tm_year) && field(5, 2, parts.tm_mon) &&
                       field(8, 2, parts.tm_mday) && field(11, 2, parts.tm_hour) &&
                       field(14, 2, parts.tm_min) && field(17, 2, parts.tm_sec);
    if (whole) {
        parts.tm_year -= 1900;
        parts.tm_mon -= 1;
        const auto seconds = ::timegm(&parts);
        const WallTime time{std::chrono::seconds(seconds)};
        if (to_iso8601(time) == text) return time;  // refuses separators, month 13 and the like
    }
    return fail(Errc::invalid, "'{}' is not a time like 2026-11-21T10:02:11Z", text);
}

std::string to_status_time(WallTime time) {
    auto text = to_iso8601(time);
    text.at(10) = ' ';
    text.pop_back();
    return text;
}

Result<milliseconds> parse_duration(std::string_view text) {
    for (const auto& unit : kUnits) {
        if (!text.ends_with(unit.suffix)) continue;
        const auto digits = text.substr(0, text.size() - unit.suffix.size());
        std::int64_t count = 0;
        const auto [stop, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), count);
        const bool is_number = error == std::errc{} && stop == digits.data() + digits.size();
        if (is_number && count >= 0 &&
            count <= std::numeric_limits<std::int32_t>::max() / unit.milliseconds)
            return milliseconds(count * unit.milliseconds);
    }
    return fail(Errc::invalid, "'{}' is not a duration like 500ms, 2s, 10m or 1h", text);
}

std::string to_string(milliseconds duration) {
    const auto count = duration.count();
    if (count % 1000 != 0) return fmt::format("{}ms", count);
    return fmt::format("{}s", count / 1000);
}

std::string human_duration(milliseconds duration) {
    const auto count = duration.count();
    if (count < 60'000) return fmt::format("{:.1f} s", static_cast<double>(count) / 1000.0);
    if (count < 3'600'000) return fmt::format("{} min {} s", count / 60'000, count % 60'000 / 1000);
    return fmt::format("{} h {} min", count / 3'600'000, count % 3'600'000 / 60'000);
}

std::string human_size(unsigned long long bytes) {
    constexpr std::array<std::string_view, 5> kNames{"B", "kB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < kNames.size()) {
        value /= 1000;
        ++unit;
    }
    const bool small = unit > 0 && value < 9.95;
    return small ? fmt::format("{:.1f} {}", value, kNames.at(unit))
                 : fmt::format("{:.0f} {}", value, kNames.at(unit));
}

}  // namespace cutover
