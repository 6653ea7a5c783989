#include "doors/outer/connections.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <grpcpp/server_builder.h>

#include "base/unique_fd.h"
#include "doors/outer/gate.h"
#include "doors/outer/listener.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kLookAroundMs = 200;  // how soon it is seen that the door closes
constexpr int kLeavingMs = 2;       // while the server still has a connection that is gone
constexpr milliseconds kLeaveTime{1000};

sockaddr* sockaddr_of(void* address) { return static_cast<sockaddr*>(address); }

// Whether the server has closed its descriptor: the number may be another socket's by now, but
// ours keeps this one's identity from being used again.
bool closed_by_server(const Seat& seat) {
    struct stat ours{};
    struct stat theirs{};
    if (::fstat(seat.watched.get(), &ours) != 0) return true;
    return ::fstat(seat.given, &theirs) != 0 || theirs.st_ino != ours.st_ino ||
           theirs.st_dev != ours.st_dev;
}

}  // namespace

Connections::Connections(Listener listener, std::vector<std::unique_ptr<Seat>>& seats, Gate& gate,
                         Options options)
    : listener_(std::move(listener)), seats_(seats), gate_(gate), options_(options) {
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

Connections::~Connections() = default;

void Connections::work(const std::stop_token& stop) {
    std::vector<pollfd> waits;
    std::vector<Seat*> waited;
    steady_clock::time_point full_until{};
    while (!stop.stop_requested()) {
        waits.clear();
        waited.clear();
        bool leaving = false;
        bool free = false;
        for (const auto& seat : seats_) {
            look_after(*seat);
            free = free || !seat->watched;
            leaving = leaving || (seat->watched && seat->gone);
            if (!seat->watched || seat->gone) continue;
            waits.push_back({.fd = seat->watched.get(), .events = POLLRDHUP, .revents = 0});
            waited.push_back(seat.get());
        }
        // A seat is about to be free: who comes in its stead waits for that a little.
        const auto now = steady_clock::now();
        if (free || !leaving) full_until = now + kLeaveTime;
        const bool hold = !free && leaving && now < full_until;
        if (!hold) waits.push_back({.fd = listener_.fd.get(), .events = POLLIN, .revents = 0});
        if (::poll(waits.data(), waits.size(), leaving ? kLeavingMs : kLookAroundMs) <= 0) continue;
        bool left = false;  // somebody has, and may be who comes again
        for (std::size_t i = 0; i < waited.size(); ++i)
            if (waits.at(i).revents != 0) left = waited.at(i)->gone = true;
        if (!hold && !left && waits.back().revents != 0)
            // Where the last seat was just taken, it is looked at anew before somebody is closed.
            while ((!free || has_free_seat()) && take_one()) {
            }
    }
}

bool Connections::has_free_seat() const {
    return std::ranges::any_of(seats_, [](const auto& seat) { return !seat->watched; });
}

void Connections::look_after(Seat& seat) {
    if (!seat.watched) return;
    if (closed_by_server(seat)) {
        seat.watched.reset();
        return;
    }
    if (!seat.silent || seat.gone) return;
    if (gate_.proven(seat.place)) {
        seat.silent = false;
    } else if (steady_clock::now() > seat.since + options_.patience) {
        ::shutdown(seat.watched.get(), SHUT_RDWR);
    }
}

// False when nobody waits, or there is no place.
bool Connections::take_one() {
    UniqueFd taken(::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!taken) return false;
    const auto found =
        std::ranges::find_if(seats_, [](const auto& seat) { return !seat->watched; });
    if (found == seats_.end()) return false;
    auto peer = peer_of(taken.get());
    UniqueFd watched(::fcntl(taken.get(), F_DUPFD_CLOEXEC, 0));
    if (!peer || !watched) return true;
    const int yes = 1;
    if (!listener_.local) ::setsockopt(taken.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    auto& seat = **found;
    gate_.enter(seat.place, *std::move(peer));
    seat.given = taken.release();
    seat.watched = std::move(watched);
    seat.gone = false;
    seat.silent = true;
    seat.since = steady_clock::now();
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.listener_fd = listener_.fd.get();
    connection.fd = seat.given;
    seat.acceptor->HandleNewConnection(&connection);
    return true;
}

std::optional<Peer> Connections::peer_of(int fd) const {
    if (listener_.local) {
        ucred credentials{};
        socklen_t length = sizeof credentials;
        if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
            return std::nullopt;
        return Peer{.from = "unix", .user = credentials.uid};
    }
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    auto* const generic = sockaddr_of(&address);
    if (::getpeername(fd, generic, &length) != 0) return std::nullopt;
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (::getnameinfo(generic, length, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return std::nullopt;
    if (address.ss_family == AF_INET6)
        return Peer{.from = fmt::format("ipv6:[{}]:{}", host.data(), port.data()), .user = {}};
    return Peer{.from = fmt::format("ipv4:{}:{}", host.data(), port.data()), .user = {}};
}

}  // namespace cutover
