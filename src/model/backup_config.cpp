#include "model/backup_config.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace cutover {
namespace {

// Digits before the unit, from one to `most`.
std::optional<std::int64_t> count_of(std::string_view text, std::string_view unit,
                                     std::int64_t most) {
    if (!text.ends_with(unit)) return std::nullopt;
    const auto digits = text.substr(0, text.size() - unit.size());
    std::int64_t count = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, count);
    if (error != std::errc{} || stop != end || count < 1 || count > most) return std::nullopt;
    return count;
}

struct Unit {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::array kUnits{Unit{"KiB", std::uint64_t{1} << 10},
                            Unit{"MiB", std::uint64_t{1} << 20},
                            Unit{"GiB", std::uint64_t{1} << 30}};

}  // namespace

std::optional<std::chrono::milliseconds> parse_days(std::string_view text) {
    constexpr std::int64_t kMostDays = 36'500;
    const auto days = count_of(text, "d", kMostDays);
    if (!days) return std::nullopt;
    return std::chrono::days(*days);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 40;
    for (const auto& unit : kUnits)
        if (const auto count =
                count_of(text, unit.name, static_cast<std::int64_t>(kMostBytes / unit.bytes)))
            return static_cast<std::uint64_t>(*count) * unit.bytes;
    return std::nullopt;
}

}  // namespace cutover
