#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/operation.h"

namespace cutover {

// How long operations took: how many took at most each of the bounds, and longer.
struct DurationCounts {
    static constexpr std::array<double, 11> kBounds{1,   5,   15,   30,   60,  120,
                                                    300, 600, 1800, 3600, 7200};  // seconds
    std::array<std::uint64_t, kBounds.size() + 1> counts{};                       // each its own
    std::uint64_t sum_ms = 0;

    void add(std::chrono::milliseconds duration);
    bool operator==(const DurationCounts&) const = default;
};

// What has become of operations, counted since the device was made and kept in a file: an upgrade
// restarts the agent, and its end must be counted all the same. Each operation counts once.
class OperationTally {
public:
    // A file that cannot be read, or holds something else, begins the count anew and says why.
    static OperationTally load(const std::filesystem::path& file, Result<>& problem);
    static Result<OperationTally> parse(std::string_view text);
    std::string text() const;  // as parse() reads it
    Result<> save() const;

    void count_start() { ++agent_starts; }
    // `operations` in any order. True when one was counted.
    bool add(std::vector<Operation> operations);

    using Key = std::pair<OperationKind, OperationState>;
    std::map<Key, std::uint64_t> ended;
    std::map<OperationKind, DurationCounts> durations;
    std::uint64_t agent_starts = 0;
    std::uint64_t reboots = 0;    // of the device, by operations
    std::uint64_t fallbacks = 0;  // to the base before, after a reboot into the new one
    std::uint64_t interruption_ms = 0;
    OperationId last = 0;  // counted

private:
    void count(const Operation& operation);

    std::filesystem::path file_;
};

}  // namespace cutover
