#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "doors/outer/gate.h"
#include "doors/outer/listener.h"

namespace grpc::experimental {
class ExternalConnectionAcceptor;
}

namespace cutover {

// A place with the way into the server that belongs to it, and the connection that has it now.
struct Seat {
    Place place;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
    int given = -1;    // the server's descriptor; it closes it once no call is left
    UniqueFd watched;  // ours of the same socket: it tells when the other side has gone. None: free
    bool gone = false;
    bool silent = true;  // no call of it was let in yet
    std::chrono::steady_clock::time_point since;
};

// Takes connections and hands them to the server, each by a free seat; when there is none they are
// closed at once. Who connects and has no call let in for `patience` is closed as well.
class Connections {
public:
    struct Options {
        std::chrono::milliseconds patience{std::chrono::seconds(30)};
    };
    // The seats and the gate outlive it.
    Connections(Listener listener, std::vector<std::unique_ptr<Seat>>& seats, Gate& gate,
                Options options);
    ~Connections();
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    const std::string& address() const { return listener_.address; }

private:
    void work(const std::stop_token& stop);
    void look_after(Seat& seat);
    bool has_free_seat() const;
    bool take_one();
    std::optional<Peer> peer_of(int fd) const;

    Listener listener_;
    std::vector<std::unique_ptr<Seat>>& seats_;
    Gate& gate_;
    const Options options_;
    std::jthread thread_;
};

}  // namespace cutover
