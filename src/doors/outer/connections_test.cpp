#include "doors/outer/connections.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "doors/outer/gate.h"
#include "doors/outer/listener.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

constexpr milliseconds kPatience{60'000};
constexpr milliseconds kMoment{150};

// A server as far as connections go: it holds what it is given until it is told to let go.
class Taker final : public Acceptor {
public:
    void HandleNewConnection(NewConnectionParameters* connection) override {
        const std::scoped_lock lock(mutex_);
        held_ = UniqueFd(connection->fd);
        change_.notify_all();
    }
    bool wait_until_held() {
        std::unique_lock lock(mutex_);
        return change_.wait_for(lock, kPatience, [&] { return static_cast<bool>(held_); });
    }
    bool holds() {
        const std::scoped_lock lock(mutex_);
        return static_cast<bool>(held_);
    }
    void let_go() {
        const std::scoped_lock lock(mutex_);
        held_.reset();
    }

private:
    std::mutex mutex_;
    std::condition_variable change_;
    UniqueFd held_;
};

// Whether the other side closes within that time.
bool is_closed(const UniqueFd& client, milliseconds within) {
    pollfd wait{.fd = client.get(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, static_cast<int>(within.count())) <= 0) return false;
    char byte = 0;
    return ::recv(client.get(), &byte, 1, 0) <= 0;
}

class ConnectionsTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(temp_); }

    void open(int seats, const std::string& listen, milliseconds patience = kPatience) {
        for (int i = 0; i < seats; ++i) {
            auto& seat = *seats_.emplace_back(std::make_unique<Seat>());
            auto taker = std::make_unique<Taker>();
            takers_.push_back(taker.get());
            seat.acceptor = std::move(taker);
        }
        auto listener = listen_at(listen, temp_->path(), 0600);
        ASSERT_TRUE(listener) << listener.error().text();
        connections_ = std::make_unique<Connections>(*std::move(listener), seats_, gate_,
                                                     Connections::Options{.patience = patience});
    }
    UniqueFd come() const {
        const auto address = connections_->address();
        if (address.starts_with("unix:")) {
            sockaddr_un there{.sun_family = AF_UNIX, .sun_path = {}};
            address.copy(&there.sun_path[0], sizeof there.sun_path - 1, 5);
            return connected(AF_UNIX, &there, sizeof there);
        }
        const auto port = std::stoi(address.substr(address.rfind(':') + 1));
        sockaddr_in there{};
        there.sin_family = AF_INET;
        there.sin_port = htons(static_cast<std::uint16_t>(port));
        there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return connected(AF_INET, &there, sizeof there);
    }
    static UniqueFd connected(int family, const void* there, socklen_t size) {
        UniqueFd client(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(client.get(), static_cast<const sockaddr*>(there), size), 0) << errno;
        return client;
    }
    // A call of it is let in.
    void prove(Seat& seat) {
        gate_.ask(seat.place,
                  {.method = "/x", .connection = reinterpret_cast<grpc_auth_context*>(&seat)},
                  [](const Result<>& may) { EXPECT_TRUE(may); });
    }

    Result<TempFolder> temp_ = TempFolder::create("/tmp", "door");
    Gate gate_{nullptr, std::nullopt};
    std::vector<std::unique_ptr<Seat>> seats_;
    std::vector<Taker*> takers_;
    std::unique_ptr<Connections> connections_;  // goes first
};

TEST_F(ConnectionsTest, ThoseAboveTheLimitAreClosedAtOnce) {
    open(2, "127.0.0.1:0");
    const auto one = come();
    const auto two = come();
    ASSERT_TRUE(takers_[0]->wait_until_held() && takers_[1]->wait_until_held());
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(is_closed(come(), kPatience));
    EXPECT_FALSE(is_closed(one, kMoment));
    EXPECT_FALSE(is_closed(two, milliseconds(0)));
}

TEST_F(ConnectionsTest, ASeatIsFreeWhenItsConnectionHasGone) {
    open(1, "unix:door.sock");
    for (int i = 0; i < 20; ++i) {
        auto client = come();
        ASSERT_TRUE(takers_[0]->wait_until_held()) << "the " << i << "th";
        client.reset();
        takers_[0]->let_go();
    }
}

TEST_F(ConnectionsTest, ASeatIsNotFreeWhileTheServerHasItsConnection) {
    open(1, "unix:door.sock");
    auto gone = come();
    ASSERT_TRUE(takers_[0]->wait_until_held());
    gone.reset();
    EXPECT_TRUE(is_closed(come(), kPatience)) << "after a little time to wait";
    takers_[0]->let_go();
    std::vector<UniqueFd> next;  // it takes a moment until that is seen
    const auto end = steady_clock::now() + kPatience;
    while (!takers_[0]->holds() && steady_clock::now() < end) {
        next.push_back(come());
        is_closed(next.back(), milliseconds(20));
    }
    EXPECT_TRUE(takers_[0]->holds());
}

TEST_F(ConnectionsTest, WhoGetsNoCallLetInIsClosedAndOthersAreNot) {
    open(2, "unix:door.sock", milliseconds(300));
    const auto begun = steady_clock::now();
    const auto proven = come();
    ASSERT_TRUE(takers_[0]->wait_until_held());
    prove(*seats_[0]);
    const auto silent = come();
    ASSERT_TRUE(takers_[1]->wait_until_held());
    EXPECT_TRUE(is_closed(silent, kPatience));
    EXPECT_GE(steady_clock::now() - begun, milliseconds(300));
    EXPECT_FALSE(is_closed(proven, milliseconds(600)));
}

TEST_F(ConnectionsTest, TheGateIsToldWhoComes) {
    open(1, "unix:door.sock");
    const auto client = come();
    ASSERT_TRUE(takers_[0]->wait_until_held());
    prove(*seats_[0]);
    EXPECT_EQ(seats_[0]->place.peer.from, "unix");
    EXPECT_EQ(seats_[0]->place.peer.user, ::getuid());
}

TEST_F(ConnectionsTest, TheGateIsToldFromWhereSomebodyComes) {
    open(1, "127.0.0.1:0");
    const auto client = come();
    ASSERT_TRUE(takers_[0]->wait_until_held());
    sockaddr_in own{};
    socklen_t size = sizeof own;
    ASSERT_EQ(::getsockname(client.get(), static_cast<sockaddr*>(static_cast<void*>(&own)), &size),
              0);
    prove(*seats_[0]);
    EXPECT_EQ(seats_[0]->place.peer.from, "ipv4:127.0.0.1:" + std::to_string(ntohs(own.sin_port)));
    EXPECT_EQ(seats_[0]->place.peer.user, std::nullopt);
}

TEST_F(ConnectionsTest, NobodyComesInAfterItsEnd) {
    open(2, "127.0.0.1:0");
    const auto client = come();
    ASSERT_TRUE(takers_[0]->wait_until_held());
    connections_.reset();
    EXPECT_FALSE(is_closed(client, milliseconds(0))) << "calls go on";
    EXPECT_FALSE(takers_[1]->holds());
}

}  // namespace
}  // namespace cutover
