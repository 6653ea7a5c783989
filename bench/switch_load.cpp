// Measures how a service is taken to its next version under load: the other half of bench/switch,
// which says what the figures mean. Run as `switch_load SWITCHES HOW`, it supervises itself; run as
// `switch_load serve` it is the service, and as `switch_load load PORT` the clients alone, until
// its standard input ends.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <ratio>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/emulated/supervisor.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

constexpr int kListener = 3;
constexpr int kClients = 20;
constexpr auto kEach = 100ms;  // 20 clients, ten requests a second each
constexpr auto kBetweenSwitches = 1s;

double milliseconds(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

void say_ready() {
    const char* const name = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe)
    if (name == nullptr) return;
    const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return;
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string_view text(name);
    text.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
    ::sendto(fd.get(), "READY=1", 7, 0, reinterpret_cast<const sockaddr*>(&address), length);
}

// Answers one connection after the other with its number, until it is asked to end.
int serve() {
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, nullptr);
    const UniqueFd asked(::signalfd(-1, &end, SFD_CLOEXEC));
    ::fcntl(kListener, F_SETFL, O_NONBLOCK);
    say_ready();
    const auto answer = fmt::format("{}\n", ::getpid());
    for (;;) {
        std::array<pollfd, 2> events{{{.fd = kListener, .events = POLLIN, .revents = 0},
                                      {.fd = asked.get(), .events = POLLIN, .revents = 0}}};
        if (::poll(events.data(), events.size(), -1) < 0 && errno != EINTR) return 1;
        if (events[1].revents != 0) return 0;
        const UniqueFd connection(::accept4(kListener, nullptr, nullptr, SOCK_CLOEXEC));
        std::array<char, 100> request{};
        if (connection && ::recv(connection.get(), request.data(), request.size(), 0) > 0)
            ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
}

// Whether one request on a connection of its own was answered.
bool request(std::uint16_t port) {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return false;
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in address{.sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                              .sin_zero = {}};
    std::array<char, 100> answer{};
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
           ::send(fd.get(), "hello", 5, MSG_NOSIGNAL) == 5 &&
           ::recv(fd.get(), answer.data(), answer.size(), 0) > 0;
}

struct Sample {
    Time asked;
    Time answered;
    bool good = false;
};

class Load {
public:
    explicit Load(std::uint16_t port) {
        for (int i = 0; i < kClients; ++i)
            clients_.emplace_back([this, port, i](const std::stop_token& stop) {
                auto next = std::chrono::steady_clock::now() + kEach * i / kClients;
                for (; !stop.stop_requested(); next += kEach) {
                    std::this_thread::sleep_until(next);
                    const auto asked = std::chrono::steady_clock::now();
                    const bool good = request(port);
                    const std::scoped_lock lock(mutex_);
                    samples_.push_back({.asked = asked,
                                        .answered = std::chrono::steady_clock::now(),
                                        .good = good});
                }
            });
    }
    std::vector<Sample> end() {
        for (auto& client : clients_) client.request_stop();
        clients_.clear();
        return std::move(samples_);
    }

private:
    std::mutex mutex_;
    std::vector<Sample> samples_;
    std::vector<std::jthread> clients_;
};

// JSON for bench/switch.
void report(std::vector<Sample> samples, const std::vector<double>& switches) {
    std::ranges::sort(samples, {}, &Sample::answered);
    double gap = 0;
    double slowest = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        slowest = std::max(slowest, milliseconds(samples.at(i).answered - samples.at(i).asked));
        if (i > 0)
            gap = std::max(gap, milliseconds(samples.at(i).answered - samples.at(i - 1).answered));
    }
    fmt::print(
        "{{\"requests\": {}, \"failures\": {}, \"gap_ms\": {:.2f}, \"slowest_ms\": {:.2f}, "
        "\"switches_ms\": [{:.2f}]}}\n",
        samples.size(), std::ranges::count(samples, false, &Sample::good), gap, slowest,
        fmt::join(switches, ", "));
}

// A port that is free now; the supervisor then holds it.
Result<std::uint16_t> free_port() {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return fail(Errc::io, "no socket");
    sockaddr_in address{.sin_family = AF_INET,
                        .sin_port = 0,
                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                        .sin_zero = {}};
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd.get(), generic, length) != 0 || ::getsockname(fd.get(), generic, &length) != 0)
        return fail(Errc::io, "no free port");
    return ntohs(address.sin_port);
}

void load_until_told(std::uint16_t port) {
    Load load(port);
    std::array<char, 100> ignored{};
    while (::read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
    }
    report(load.end(), {});
}

Result<> run(int switches, ServiceActionKind how) {
    const auto folder = TRY(TempFolder::create(std::filesystem::temp_directory_path(), "switch"));
    const auto log = Log::silent();
    const auto port = TRY(free_port());
    PlannedService service{.spec = {.name = "web",
                                    .command = {"", "serve"},
                                    .listen = {fmt::format("tcp:127.0.0.1:{}", port)},
                                    .ready = ReadyWhen::notified},
                           .owner = "bench",
                           .after_start = {}};
    service.spec.command.front() = std::filesystem::read_symlink("/proc/self/exe").string();
    Supervisor supervisor({service},
                          {.root = folder.path(),
                           .data = folder.path(),
                           .persist = folder.path(),
                           .log = folder.path(),
                           .device = folder.path()},
                          {}, *log);
    TRY(supervisor.start({}));
    Load load(port);
    std::vector<double> durations;
    for (int i = 0; i < switches; ++i) {
        std::this_thread::sleep_for(kBetweenSwitches);
        const auto began = std::chrono::steady_clock::now();
        TRY(supervisor.change(
            {{.kind = how, .service = service, .command = {}, .because = "bench"}}, {}));
        durations.push_back(milliseconds(std::chrono::steady_clock::now() - began));
    }
    std::this_thread::sleep_for(kBetweenSwitches);
    report(load.end(), durations);
    return {};
}

}  // namespace
}  // namespace cutover

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words == std::vector<std::string>{"serve"}) return cutover::serve();
    if (words.size() != 2) return 2;
    if (words.front() == "load") {
        cutover::load_until_told(static_cast<std::uint16_t>(std::atoi(words.at(1).c_str())));
        return 0;
    }
    const auto how = words.at(1) == "restart" ? cutover::ServiceActionKind::restart
                                              : cutover::ServiceActionKind::restart_with_sockets;
    const auto done = cutover::run(std::atoi(words.front().c_str()), how);
    if (done) return 0;
    fmt::print(stderr, "{}\n", done.error().text());
    return 1;
}
