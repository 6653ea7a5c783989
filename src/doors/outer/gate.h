#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "access/access.h"
#include "access/caller.h"
#include "base/error.h"
#include "model/security_config.h"

struct grpc_auth_context;

namespace cutover {

// Who is at the other end of a connection, as the kernel tells.
struct Peer {
    std::string from;              // "ipv4:192.0.2.1:40312", "unix"
    std::optional<unsigned> user;  // of a unix socket
};

// What one connection of those that may be has. gRPC tells a call nothing of the connection that
// it came by, so each place has credentials of its own. Its fields are the gate's.
struct Place {
    Peer peer;
    const grpc_auth_context* connection = nullptr;  // set by the first call that was let in
};

// What a call brings.
struct Question {
    std::string method;
    std::optional<std::string> user;
    std::string password;
    std::vector<std::string> certificate_names;
    const grpc_auth_context* connection = nullptr;
    bool unclear = false;  // more than one user
};

// Asks about each call before any handler sees it, and keeps for the call who it is that asks.
class Gate {
public:
    using Answer = std::function<void(const Result<>& may_go_on)>;

    // Without `access` everybody is let in, as an administrator. `plaintext`: what those may do who
    // come without any proof, where that is allowed.
    Gate(Access* access, std::optional<Role> plaintext);
    ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    // The place has another connection from now on; of the last one nothing is left.
    void enter(Place& place, Peer peer);
    // Whether any call of this connection was let in.
    bool proven(const Place& place) const;

    // Passwords are checked by threads of the gate, the rest at once.
    void ask(Place& place, Question question, Answer answer);

    // Nobody is let in any more; who waits is told so.
    void close();

    // Of a call that was let in: who makes it.
    std::optional<Caller> caller(const grpc_auth_context* connection,
                                 const std::string& user) const;

private:
    struct Job {
        Place& place;
        Question question;
        Answer answer;
    };
    // By user name; without one: "".
    struct Connection {
        std::map<std::string, Caller> callers;
    };
    Result<> judge(Place& place, const Question& question);
    Result<> refuse(const Presented& presented, const std::string& method, const Error& why);
    void admit(Place& place, const Question& question, const Caller& caller);
    void work(const std::stop_token& stop);

    Access* const access_;
    const std::optional<Role> plaintext_;
    mutable std::mutex mutex_;
    std::map<const grpc_auth_context*, Connection> connections_;
    bool closed_ = false;
    std::condition_variable_any waiting_;
    std::deque<Job> jobs_;
    std::vector<std::jthread> threads_;
};

}  // namespace cutover
