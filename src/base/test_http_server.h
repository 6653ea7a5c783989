#pragma once

// A web server for tests that misbehaves as told: on a free port of 127.0.0.1, one connection after
// the other, each for one request.

#include <arpa/inet.h>
#include <atomic>
#include <functional>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

struct TestReply {
    std::string bytes;       // status line, headers and body as they go over the wire
    bool then_hang = false;  // else the connection is closed
};

inline TestReply ok_reply(const std::string& body, const std::string& headers = "") {
    return {.bytes = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{}\r\n{}", body.size(),
                                 headers, body)};
}

class TestHttpServer {
public:
    using Handler = std::function<TestReply(const std::string& request)>;

    explicit TestHttpServer(Handler handler)
        : handler_(std::move(handler)),
          listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        const bool listens = ::bind(listener_.get(), generic, length) == 0 &&
                             ::listen(listener_.get(), 16) == 0 &&
                             ::getsockname(listener_.get(), generic, &length) == 0;
        CUTOVER_CHECK(listens);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }

    int port() const { return port_; }
    std::string url(const std::string& path) const {
        return fmt::format("http://127.0.0.1:{}{}", port_, path);
    }
    std::vector<std::string> requests() const {
        const std::scoped_lock lock(mutex_);
        return requests_;
    }

private:
    static bool readable(int fd, const std::stop_token& stop) {
        pollfd event{.fd = fd, .events = POLLIN, .revents = 0};
        while (!stop.stop_requested())
            if (::poll(&event, 1, 5) > 0) return true;
        return false;
    }

    void serve(const std::stop_token& stop) {
        std::vector<UniqueFd> hanging;
        while (readable(listener_.get(), stop)) {
            UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            std::string request;
            while (!request.contains("\r\n\r\n") && readable(connection.get(), stop)) {
                std::string part(4096, '\0');
                const auto got = ::recv(connection.get(), part.data(), part.size(), 0);
                if (got <= 0) break;
                request.append(part, 0, static_cast<std::size_t>(got));
            }
            {
                const std::scoped_lock lock(mutex_);
                requests_.push_back(request);
            }
            const auto reply = handler_(request);
            for (std::size_t sent = 0; sent < reply.bytes.size();) {
                const auto put = ::send(connection.get(), reply.bytes.data() + sent,
                                        reply.bytes.size() - sent, MSG_NOSIGNAL);
                if (put <= 0) break;
                sent += static_cast<std::size_t>(put);
            }
            if (reply.then_hang) hanging.push_back(std::move(connection));
        }
    }

    Handler handler_;
    UniqueFd listener_;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::jthread thread_;
};

}  // namespace cutover
