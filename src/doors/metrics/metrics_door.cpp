#include "doors/metrics/metrics_door.h"

#include <arpa/inet.h>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <netinet/in.h>
#include <prometheus/exposer.h>
#include <stop_token>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "doors/metrics/collector.h"
#include "doors/metrics/errors.h"
#include "model/device.h"

namespace cutover {

struct MetricsDoor::Running {
    std::string address;
    std::shared_ptr<Collector> collector;
    std::unique_ptr<prometheus::Exposer> exposer;  // last: its threads ask the collector
};

namespace {

// What the web server below may take, whoever asks: so many connections are answered at a time, so
// many more wait, and each is cut off after so long. Prometheus is one, and asks every few seconds.
const std::vector<std::string>& limits() {
    static const std::vector<std::string> options{
        "num_threads",        "8",    "connection_queue",  "16",  "listen_backlog",    "64",
        "request_timeout_ms", "2000", "linger_timeout_ms", "500", "enable_keep_alive", "no",
        "max_request_size",   "8192"};
    return options;
}

// The web server looks every two seconds whether it is to end, and at each connection: a device
// that restarts does not wait for that.
void wake(const std::string& address, const std::stop_token& stop) {
    const auto colon = address.rfind(':');
    sockaddr_storage place{};
    const auto port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    if (address.starts_with('[')) {
        auto* const six = reinterpret_cast<sockaddr_in6*>(&place);
        six->sin6_family = AF_INET6;
        six->sin6_port = port;
        ::inet_pton(AF_INET6, address.substr(1, colon - 2).c_str(), &six->sin6_addr);
    } else {
        auto* const four = reinterpret_cast<sockaddr_in*>(&place);
        four->sin_family = AF_INET;
        four->sin_port = port;
        ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &four->sin_addr);
    }
    while (!stop.stop_requested()) {
        const UniqueFd fd(::socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (fd)
            static_cast<void>(
                ::connect(fd.get(), reinterpret_cast<sockaddr*>(&place), sizeof place));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

// A numeric address, so that nobody's answer decides where this listens.
Result<bool> is_local(const std::string& listen) {
    auto host = listen.substr(0, listen.rfind(':'));
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    in6_addr six{};
    in_addr four{};
    if (brackets && ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six);
    if (!brackets && ::inet_pton(AF_INET, host.c_str(), &four) == 1)
        return (ntohl(four.s_addr) >> IN_CLASSA_NSHIFT) == IN_LOOPBACKNET;
    return fail(errors::metrics_address, "[metrics] listen: {} is no numeric address", host);
}

}  // namespace

Result<std::unique_ptr<MetricsDoor>> MetricsDoor::start(Device& device, Log& log,
                                                        const Options& options) {
    const auto& listen = options.config.listen;
    if (!TRY(is_local(listen)) && !options.config.anywhere)
        return fail(errors::metrics_not_local, "[metrics] listen = \"{}\" is for other machines",
                    listen);
    auto running = std::make_unique<Running>();
    auto wanted = limits();
    wanted.insert(wanted.end(), {"listening_ports", listen});
    try {  // civetweb throws where it cannot listen
        running->exposer = std::make_unique<prometheus::Exposer>(std::move(wanted));
        running->collector = std::make_shared<Collector>(device, log, options);
        running->exposer->RegisterCollectable(running->collector);
        const auto ports = running->exposer->GetListeningPorts();
        running->address = fmt::format("{}:{}", listen.substr(0, listen.rfind(':')),
                                       ports.empty() ? 0 : ports.front());
    } catch (const std::exception& problem) {
        return fail(errors::metrics_address, "[metrics] listen = \"{}\": {}", listen,
                    problem.what());
    }
    log.info("metrics can be asked for", {{"address", running->address}});
    return std::unique_ptr<MetricsDoor>(new MetricsDoor(std::move(running)));
}

MetricsDoor::MetricsDoor(std::unique_ptr<Running> running) : running_(std::move(running)) {}
MetricsDoor::~MetricsDoor() {
    const std::jthread waker([&](const std::stop_token& stop) { wake(running_->address, stop); });
    running_->exposer.reset();
}

const std::string& MetricsDoor::address() const { return running_->address; }

}  // namespace cutover
