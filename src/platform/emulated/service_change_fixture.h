#pragma once

// A supervisor with small real services, for the tests of what changes them.

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <stop_token>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "model/device.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/emulated/supervisor.h"
#include "platform/emulated/supervisor_fixture.h"

namespace cutover {

// Answers $VERSION to each connection, and 10 ms later. Asked to end, it accepts no more, but
// answers whom it has accepted, and takes $LINGER seconds in addition.
inline constexpr const char* kServer = R"(
import os, select, signal, socket, sys, threading, time
listener = socket.socket(fileno=3)
listener.setblocking(False)
woken, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
signal.signal(signal.SIGTERM, lambda *_: None)
def answer(connection):
    connection.setblocking(True)
    connection.recv(100)
    time.sleep(0.01)
    connection.sendall(os.environ['VERSION'].encode())
    connection.close()
with open(os.environ['CUTOVER_DATA'] + '/port', 'w') as file:
    file.write('%d\n' % listener.getsockname()[1])
with open(os.environ['CUTOVER_DATA'] + '/pids', 'a') as file:
    file.write('%d\n' % os.getpid())
if 'MUTE' not in os.environ:
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.sendto(b'READY=1', '\0' + os.environ['NOTIFY_SOCKET'][1:])
threads = []
while True:
    readable = select.select([listener, woken], [], [])[0]
    if woken in readable:
        break
    try:
        connection = listener.accept()[0]
    except BlockingIOError:
        continue
    threads.append(threading.Thread(target=answer, args=[connection]))
    threads[-1].start()
listener.close()
for thread in threads:
    thread.join()
time.sleep(float(os.environ.get('LINGER', '0')))
print('all answered', flush=True)
)";

// One connection, one request; what was answered, or nothing.
inline std::string request(std::uint16_t port) {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return {};
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in address{.sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                              .sin_zero = {}};
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::send(fd.get(), "hello", 5, MSG_NOSIGNAL) != 5)
        return {};
    std::string said;
    std::array<char, 64> buffer{};
    for (;;) {
        const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) return got == 0 ? said : std::string();
        said.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

// 20 clients who ask ten times a second each, until it is stopped.
class Load {
public:
    explicit Load(std::uint16_t port) {
        for (int i = 0; i < kClients; ++i)
            clients_.emplace_back([this, port, i](const std::stop_token& stop) {
                auto next = std::chrono::steady_clock::now() + i * std::chrono::milliseconds(5);
                while (!stop.stop_requested()) {
                    std::this_thread::sleep_until(next);
                    next += std::chrono::milliseconds(100);
                    const auto said = request(port);
                    const std::scoped_lock lock(mutex_);
                    ++answers_[said];
                }
            });
    }
    // How often each answer came since then; none is counted under "".
    std::map<std::string, int> answers() const {
        const std::scoped_lock lock(mutex_);
        return answers_;
    }
    int count(const std::string& answer) const {
        const std::scoped_lock lock(mutex_);
        const auto found = answers_.find(answer);
        return found == answers_.end() ? 0 : found->second;
    }
    void stop() {
        for (auto& client : clients_) client.request_stop();
        clients_.clear();
    }

private:
    static constexpr int kClients = 20;
    mutable std::mutex mutex_;
    std::map<std::string, int> answers_;
    std::vector<std::jthread> clients_;
};

struct ServiceChangeTest : SupervisorFixture {
    static PlannedService plan(ServiceSpec spec) {
        return {.spec = std::move(spec), .owner = "web 1", .after_start = {}};
    }
    static PlannedService script(const std::string& text) { return plan(shell("web", text)); }
    static PlannedService server(const std::string& version) {
        return plan({.name = "web",
                     .command = {"/usr/bin/python3", "-c", kServer},
                     .environment = {{"VERSION", version}},
                     .listen = {"tcp:127.0.0.1:0"},
                     .ready = ReadyWhen::notified});
    }
    // Says its number, and lives.
    static std::string living(const std::string& before = "") {
        return before + " echo $$ >>$CUTOVER_DATA/pids; while :; do sleep 0.01; done";
    }
    static std::vector<std::string> sh(const std::string& text) {
        return {"bin/busybox", "sh", "-c", text};
    }

    Result<> change(ServiceActionKind kind, const PlannedService& service,
                    const std::vector<std::string>& command = {}, std::stop_token stop = {}) {
        return supervisor->change(
            {{.kind = kind, .service = service, .command = command, .because = "web 2"}},
            std::move(stop));
    }
    std::uint16_t port() const {
        return static_cast<std::uint16_t>(std::stoul(awaited("data/port")));
    }
    std::vector<pid_t> pids(std::size_t count) const {
        std::vector<pid_t> result;
        EXPECT_TRUE(eventually([&] {
            result.clear();
            const auto said = text("data/pids");
            for (std::size_t at = 0; said.find('\n', at) != std::string::npos;
                 at = said.find('\n', at) + 1)
                result.push_back(static_cast<pid_t>(std::stol(said.substr(at))));
            return result.size() >= count;
        })) << count;
        return result;
    }
    // The old process may take a connection until it has heard that it is to end.
    bool comes_to_answer(const std::string& answer) const {
        return eventually([&] { return request(port()) == answer; });
    }
    static bool lives(pid_t pid) { return ::kill(pid, 0) == 0; }
    static bool ends(pid_t pid) {
        return eventually([pid] { return !lives(pid); });
    }
};

}  // namespace cutover
