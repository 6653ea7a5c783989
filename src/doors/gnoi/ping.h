#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "base/error.h"

namespace cutover::gnoi_door {

enum class PingFamily { any, ipv4, ipv6 };

// What is asked; nothing in it is left open.
struct PingWish {
    std::string destination;  // a name or an address
    std::string source;       // an address of this machine; empty: as routes say
    PingFamily family = PingFamily::any;
    int count = 5;
    std::chrono::nanoseconds interval{std::chrono::seconds(1)};
    std::chrono::nanoseconds wait{std::chrono::seconds(2)};  // an answer that comes later is none
    std::size_t bytes = 56;                                  // besides the ICMP header
    bool whole = false;                                      // never in fragments
};

struct PingAnswer {
    std::string source;
    std::chrono::nanoseconds time{};
    std::size_t bytes = 0;  // with the ICMP header
    int sequence = 0;
    int ttl = 0;
};

struct PingSummary {
    std::string source;
    std::chrono::nanoseconds took{};
    int sent = 0;
    int received = 0;
    std::chrono::nanoseconds least{};
    std::chrono::nanoseconds mean{};
    std::chrono::nanoseconds most{};
    std::chrono::nanoseconds deviation{};
};

// Sends echo requests and tells of each answer as it comes; ten minutes at most. Ends, `cancelled`,
// when `told` returns false or `ended` true, which is asked five times a second. door.gnoi_no_ping
// when the kernel lets this process send none.
Result<PingSummary> ping(const PingWish& wish, const std::function<bool(const PingAnswer&)>& told,
                         const std::function<bool()>& ended);

}  // namespace cutover::gnoi_door
