#include "access/attempts.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxAddress = 128;

std::string without_percent(std::string_view text) {  // gRPC writes [ and ] as in a URL
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto escape = text.substr(i, 3);
        const bool opens = escape == "%5B" || escape == "%5b";
        if (opens || escape == "%5D" || escape == "%5d") {
            result += opens ? '[' : ']';
            i += 2;
        } else {
            result += text[i];
        }
    }
    return result;
}

std::string v6_key(const std::string& address) {
    in6_addr parsed{};
    const auto plain = address.substr(0, address.find('%'));  // without the zone
    if (inet_pton(AF_INET6, plain.c_str(), &parsed) != 1) return address;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (IN6_IS_ADDR_V4MAPPED(&parsed)) {
        in_addr inner{};
        std::memcpy(&inner, &parsed.s6_addr[12], sizeof inner);
        inet_ntop(AF_INET, &inner, text.data(), text.size());
        return text.data();
    }
    std::fill(std::begin(parsed.s6_addr) + 8, std::end(parsed.s6_addr), 0);
    inet_ntop(AF_INET6, &parsed, text.data(), text.size());
    return std::string(text.data()) + "/64";
}

}  // namespace

bool Attempts::refused(std::string_view name, SteadyTime now) const {
    const auto found = entries_.find(std::string(name));
    return found != entries_.end() && now < found->second.refused_until;
}

void Attempts::count(const std::string& name, SteadyTime now) {
    if (!entries_.contains(name)) make_room();
    auto& entry = entries_[name];
    std::erase_if(entry.failures, [&](SteadyTime at) { return now - at >= kWindow; });
    entry.failures.push_back(now);
    if (entry.failures.size() < kMost) return;
    entry.refused_until = now + kPause;
    if (entry.failures.size() > kMost) entry.failures.erase(entry.failures.begin());
}

void Attempts::take_back(const std::string& name) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    auto& entry = found->second;
    // It was the one that filled the measure.
    if (entry.failures.size() == kMost) entry.refused_until = {};
    if (!entry.failures.empty()) entry.failures.pop_back();
    if (entry.failures.empty()) entries_.erase(found);
}

void Attempts::make_room() {
    if (entries_.size() < kMaxNames) return;
    entries_.erase(std::ranges::min_element(
        entries_, {}, [](const auto& entry) { return entry.second.failures.back(); }));
}

std::string address_key(std::string_view from) {
    auto text = without_percent(from.substr(0, kMaxAddress));
    const bool v4 = text.starts_with("ipv4:");
    const bool v6 = text.starts_with("ipv6:");
    if (v4 || v6) text.erase(0, 5);
    const auto port = text.rfind(':');
    const auto bracket = text.rfind(']');
    if (text.starts_with('[') && bracket != std::string::npos)
        return v6_key(text.substr(1, bracket - 1));
    if (v6 || (!v4 && std::ranges::count(text, ':') > 1)) return v6_key(text);
    return text.substr(0, port);
}

}  // namespace cutover
