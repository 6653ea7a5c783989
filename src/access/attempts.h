#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace cutover {

// Failures by name: after `kMost` in `kWindow`, a name is refused for `kPause`. The names come from
// outside, so the table has a bound; the one whose last failure is longest ago goes.
class Attempts {
public:
    static constexpr std::size_t kMost = 5;
    static constexpr std::size_t kMaxNames = 1024;
    static constexpr std::chrono::seconds kWindow{60};
    static constexpr std::chrono::seconds kPause{60};

    bool refused(std::string_view name, SteadyTime now) const;
    // Counts a failure before it is known, so that many at a time are no more than one after the
    // other; take_back() when it was none.
    void count(const std::string& name, SteadyTime now);
    void take_back(const std::string& name);
    std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        std::vector<SteadyTime> failures;  // at most kMost
        SteadyTime refused_until;
    };
    void make_room();

    std::unordered_map<std::string, Entry> entries_;
};

// What an address is counted as: without its port, and an IPv6 one by its /64, of which one
// customer has them all. "ipv4:192.0.2.1:40312" is "192.0.2.1".
std::string address_key(std::string_view from);

}  // namespace cutover
