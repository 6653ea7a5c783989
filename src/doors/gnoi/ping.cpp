#include "doors/gnoi/ping.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <memory>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <optional>
#include <poll.h>
#include <span>
#include <string>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "doors/gnoi/errors.h"

namespace cutover::gnoi_door {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kHeaderBytes = 8;  // of ICMP and ICMPv6 alike
constexpr std::size_t kNonceBytes = 8;
constexpr std::size_t kMaxPacketBytes = std::size_t{64} * 1024;
constexpr milliseconds kLookAround{200};
constexpr std::chrono::minutes kLongest{10};

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;

    sockaddr* get() {
        return reinterpret_cast<sockaddr*>(&storage);  // NOLINT(*-reinterpret-cast): the API's way
    }
    const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT(*-reinterpret-cast)
    }
    bool is_ipv6() const { return storage.ss_family == AF_INET6; }
};

std::string text_of(const Address& address) {
    std::array<char, NI_MAXHOST> host{};
    if (::getnameinfo(address.get(), address.size, host.data(), host.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
        return {};
    return host.data();
}

int family_of(PingFamily family) {
    switch (family) {
        case PingFamily::any: return AF_UNSPEC;
        case PingFamily::ipv4: return AF_INET;
        case PingFamily::ipv6: return AF_INET6;
    }
    std::unreachable();
}

Result<Address> find_address(const std::string& name, int family, int flags) {
    addrinfo hints{};
    hints.ai_family = family;
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = flags;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    if (code != 0 || !found)
        return fail(Errc::not_found, "{}: {}", name, code != 0 ? ::gai_strerror(code) : "nothing");
    Address address;
    address.size = std::min<socklen_t>(found->ai_addrlen, sizeof(address.storage));
    std::memcpy(&address.storage, found->ai_addr, address.size);
    return address;
}

std::uint16_t checksum_of(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8U : bytes[i];
    while ((sum >> 16U) != 0) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum & 0xffffU);
}

// One way to one destination. Of the two kinds of sockets for it, the plain one is open to whom the
// administrator lets in, and the raw one, which sees the answers to others too, to root.
class EchoSocket {
public:
    static Result<EchoSocket> open(const PingWish& wish, const Address& destination) {
        const int family = destination.storage.ss_family;
        const int protocol = destination.is_ipv6() ? static_cast<int>(IPPROTO_ICMPV6)
                                                   : static_cast<int>(IPPROTO_ICMP);
        constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
        UniqueFd fd(::socket(family, SOCK_DGRAM | kFlags, protocol));
        const bool raw = !fd;
        if (raw) fd = UniqueFd(::socket(family, SOCK_RAW | kFlags, protocol));
        if (!fd)
            return fail(errors::gnoi_no_ping, "open an ICMP socket: {}",
                        errno_error(errno, "socket").text());
        EchoSocket socket(std::move(fd), raw, wish.bytes, destination);
        TRY(socket.set_up(wish));
        return socket;
    }

    Result<> send(int sequence) {
        std::vector<std::uint8_t> packet(kHeaderBytes + bytes_);
        packet[0] = address_.is_ipv6() ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
        packet[4] = static_cast<std::uint8_t>(id_ >> 8U);
        packet[5] = static_cast<std::uint8_t>(id_);
        packet[6] = static_cast<std::uint8_t>(static_cast<unsigned>(sequence) >> 8U);
        packet[7] = static_cast<std::uint8_t>(sequence);
        for (std::size_t i = 0; i < bytes_; ++i)
            packet[kHeaderBytes + i] =
                i < kNonceBytes ? nonce_.at(i) : static_cast<std::uint8_t>(i);
        if (raw_ && !address_.is_ipv6()) {  // the kernel sees to the others
            const auto sum = checksum_of(packet);
            packet[2] = static_cast<std::uint8_t>(sum >> 8U);
            packet[3] = static_cast<std::uint8_t>(sum);
        }
        for (;;) {
            const auto sent =
                ::sendto(fd_.get(), packet.data(), packet.size(), 0, address_.get(), address_.size);
            if (sent >= 0) return {};
            // What an earlier packet met is told once, in place of sending this one.
            if (errno == EINTR || errno == ECONNREFUSED) continue;
            if (errno == EAGAIN || errno == ENOBUFS) return {};  // then it is lost
            return fail(errors::gnoi_ping_failed, "{}: {}", text_of(address_),
                        errno_error(errno, "send").text());
        }
    }

    // An answer to a request of ours, if there is one at once.
    std::optional<PingAnswer> receive() {
        std::vector<std::uint8_t> buffer(kMaxPacketBytes);
        std::array<std::uint8_t, 256> control{};
        Address from;
        iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
        msghdr message{};
        message.msg_name = &from.storage;
        message.msg_namelen = sizeof(from.storage);
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const auto count = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
        if (count < 0) return std::nullopt;
        from.size = message.msg_namelen;
        std::span<const std::uint8_t> packet(buffer.data(), static_cast<std::size_t>(count));
        int ttl = ttl_of(message);
        if (raw_ && !address_.is_ipv6()) {  // the IP header comes with it
            if (packet.size() < sizeof(iphdr)) return std::nullopt;
            const std::size_t header = std::size_t{packet[0] & 0x0fU} * 4;
            ttl = packet[8];
            if (packet.size() < header) return std::nullopt;
            packet = packet.subspan(header);
        }
        return answer_in(packet, from, ttl);
    }

    int fd() const { return fd_.get(); }

private:
    EchoSocket(UniqueFd fd, bool raw, std::size_t bytes, const Address& destination)
        : fd_(std::move(fd)), raw_(raw), bytes_(bytes), address_(destination) {}

    Result<> set_up(const PingWish& wish) {
        if (::getrandom(nonce_.data(), nonce_.size(), 0) != std::ssize(nonce_))
            return std::unexpected(errno_error(errno, "make a nonce"));
        id_ = static_cast<std::uint16_t>(nonce_[0] << 8U | nonce_[1]);
        const bool v6 = address_.is_ipv6();
        set(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, 1);
        if (wish.whole && v6) set(IPPROTO_IPV6, IPV6_DONTFRAG, 1);
        if (wish.whole && !v6) set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
        if (wish.source.empty()) return {};
        auto source = find_address(wish.source, address_.storage.ss_family, AI_NUMERICHOST);
        if (!source) return fail(errors::gnoi_bad_request, "source {}", source.error().text());
        if (::bind(fd_.get(), source->get(), source->size) != 0)
            return fail(errors::gnoi_bad_request, "source {}: {}", wish.source,
                        errno_error(errno, "bind").text());
        return {};
    }

    void set(int level, int name, int value) {
        (void)::setsockopt(fd_.get(), level, name, &value, sizeof(value));
    }

    int ttl_of(msghdr& message) const {
        for (auto* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
            const bool is_ttl =
                address_.is_ipv6()
                    ? part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_HOPLIMIT
                    : part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_TTL;
            if (!is_ttl) continue;
            int ttl = 0;
            std::memcpy(&ttl, CMSG_DATA(part), sizeof(ttl));
            return ttl;
        }
        return 0;
    }

    std::optional<PingAnswer> answer_in(std::span<const std::uint8_t> packet, const Address& from,
                                        int ttl) const {
        const int reply = address_.is_ipv6() ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
        if (packet.size() != kHeaderBytes + bytes_ || packet[0] != reply) return std::nullopt;
        if (raw_ && (packet[4] << 8 | packet[5]) != id_) return std::nullopt;
        const auto known = std::min(bytes_, kNonceBytes);
        if (!std::equal(nonce_.begin(), nonce_.begin() + static_cast<std::ptrdiff_t>(known),
                        packet.begin() + kHeaderBytes))
            return std::nullopt;
        return PingAnswer{.source = text_of(from),
                          .bytes = packet.size(),
                          .sequence = packet[6] << 8 | packet[7],
                          .ttl = ttl};
    }

    UniqueFd fd_;
    bool raw_;
    std::size_t bytes_;
    Address address_;
    std::uint16_t id_ = 0;
    std::array<std::uint8_t, kNonceBytes> nonce_{};
};

// The requests on their way, and what came of those before.
class Round {
public:
    Round(EchoSocket& socket, const PingWish& wish,
          const std::function<bool(const PingAnswer&)>& told, const std::function<bool()>& ended)
        : socket_(socket), wish_(wish), told_(told), ended_(ended) {}

    Result<> run() {
        const auto deadline = Clock::now() + kLongest;
        for (int sequence = 1; sequence <= wish_.count && Clock::now() < deadline; ++sequence) {
            TRY(socket_.send(sequence));
            sent_.push_back({.at = Clock::now()});
            const bool last = sequence == wish_.count;
            TRY(collect_until(
                std::min(deadline, sent_.back().at + (last ? wish_.wait : wish_.interval)), last));
        }
        return {};
    }

    PingSummary summary() const {
        PingSummary all{.sent = static_cast<int>(sent_.size()),
                        .received = static_cast<int>(times_.size())};
        if (times_.empty()) return all;
        double sum = 0;
        double squares = 0;
        for (const auto time : times_) {
            const auto value = static_cast<double>(time.count());
            sum += value;
            squares += value * value;
        }
        const auto count = static_cast<double>(times_.size());
        const auto mean = sum / count;
        all.least = std::ranges::min(times_);
        all.most = std::ranges::max(times_);
        all.mean = nanoseconds(std::llround(mean));
        all.deviation =
            nanoseconds(std::llround(std::sqrt(std::max(squares / count - mean * mean, 0.0))));
        return all;
    }

private:
    struct Sent {
        Clock::time_point at;
        bool answered = false;
    };

    // `last`: until all are answered, for nothing else is to be sent.
    Result<> collect_until(Clock::time_point until, bool last) {
        for (;;) {
            const auto now = Clock::now();
            if (now >= until || (last && times_.size() == sent_.size())) return {};
            if (ended_()) return fail(Errc::cancelled, "nobody waits for answers any more");
            const auto left = std::chrono::ceil<milliseconds>(until - now);
            pollfd waiting{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
            if (::poll(&waiting, 1, static_cast<int>(std::min(left, kLookAround).count())) <= 0)
                continue;
            if (auto answer = socket_.receive()) TRY(take(*std::move(answer)));
        }
    }

    Result<> take(PingAnswer answer) {
        const auto index = static_cast<std::size_t>(answer.sequence) - 1;
        if (index >= sent_.size() || sent_[index].answered) return {};
        answer.time = Clock::now() - sent_[index].at;
        if (answer.time > wish_.wait) return {};
        sent_[index].answered = true;
        times_.push_back(answer.time);
        if (!told_(answer)) return fail(Errc::cancelled, "nobody waits for answers any more");
        return {};
    }

    EchoSocket& socket_;
    const PingWish& wish_;
    const std::function<bool(const PingAnswer&)>& told_;
    const std::function<bool()>& ended_;
    std::vector<Sent> sent_;
    std::vector<nanoseconds> times_;
};

}  // namespace

Result<PingSummary> ping(const PingWish& wish, const std::function<bool(const PingAnswer&)>& told,
                         const std::function<bool()>& ended) {
    const auto begun = Clock::now();
    const auto destination = TRY(find_address(wish.destination, family_of(wish.family), 0));
    auto socket = TRY(EchoSocket::open(wish, destination));
    Round round(socket, wish, told, ended);
    TRY(round.run());
    auto summary = round.summary();
    summary.source = text_of(destination);
    summary.took = Clock::now() - begun;
    return summary;
}

}  // namespace cutover::gnoi_door
