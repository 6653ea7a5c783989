#include "platform/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <curl/curl.h>
#include <expected>
#include <filesystem>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "model/manifest.h"
#include "platform/errors.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMaxDetailBytes = 4096;
constexpr milliseconds kLookAtStop{50};

struct CurlFree {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

struct HttpAnswer {
    std::string body;  // its first bytes
    std::stop_token stop;
};

std::size_t take_body(const char* data, std::size_t size, std::size_t count, void* context) {
    auto& body = static_cast<HttpAnswer*>(context)->body;
    body.append(data, std::min(size * count, kMaxDetailBytes - body.size()));
    return size * count;
}

int look_at_stop(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<HttpAnswer*>(context)->stop.stop_requested() ? 1 : 0;
}

Result<std::string> probe_http(const HealthSpec& check, std::stop_token stop) {
    const std::unique_ptr<CURL, CurlFree> curl(curl_easy_init());
    if (!curl) return fail(Errc::io, "libcurl does not start");
    HttpAnswer answer{.body = {}, .stop = std::move(stop)};
    std::array<char, CURL_ERROR_SIZE> problem{};
    curl_easy_setopt(curl.get(), CURLOPT_URL, check.http.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");  // what is asked is on this device
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(check.timeout.count()));
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, problem.data());
    curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "cutover/" CUTOVER_VERSION);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &take_body);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &look_at_stop);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &answer);

    const auto begun = SteadyClock::now();
    const auto code = curl_easy_perform(curl.get());
    const auto took = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begun).count();
    if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::cancelled, "the check was stopped");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fail(Errc::timeout, "GET {} gave no answer within {}", check.http,
                    human_duration(check.timeout));
    if (code != CURLE_OK)
        return fail(errors::health_failed, "GET {}: {}", check.http,
                    problem.front() != '\0' ? problem.data() : curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status >= 400)
        return fail(errors::health_failed, "GET {} answered {}: {}", check.http, status,
                    answer.body);
    return fmt::format("GET {} answered {} in {} ms", check.http, status, took);
}

struct AddressFree {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, AddressFree>;

Result<Addresses> resolve(const std::string& host_and_port) {
    const auto colon = host_and_port.rfind(':');
    if (colon == std::string::npos || colon == 0)
        return fail(Errc::invalid, "'{}' is not host:port", host_and_port);
    auto host = host_and_port.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const addrinfo hints{.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(host.c_str(), host_and_port.c_str() + colon + 1, &hints, &found);
    if (code != 0)
        return fail(errors::health_failed, "{}: {}", host_and_port, ::gai_strerror(code));
    return Addresses(found);
}

Result<> wait_connected(int fd, const HealthSpec& check, const std::stop_token& stop) {
    const auto deadline = SteadyClock::now() + check.timeout;
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
        if (left <= milliseconds(0))
            return fail(Errc::timeout, "{} did not accept a connection within {}", check.tcp,
                        human_duration(check.timeout));
        if (stop.stop_requested()) return fail(Errc::cancelled, "the check was stopped");
        pollfd event{.fd = fd, .events = POLLOUT, .revents = 0};
        if (::poll(&event, 1, static_cast<int>(std::min(left, kLookAtStop).count())) <= 0) continue;
        int error = 0;
        auto size = static_cast<unsigned int>(sizeof error);  // a socklen_t
        ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error == 0) return {};
        return fail(errors::health_failed, "{}: {}", check.tcp,
                    errno_error(error, "connect").message);
    }
}

Result<std::string> probe_tcp(const HealthSpec& check, const std::stop_token& stop) {
    const auto addresses = TRY(resolve(check.tcp));
    Result<> last = fail(errors::health_failed, "{} has no address", check.tcp);
    for (const auto* address = addresses.get(); address != nullptr; address = address->ai_next) {
        const UniqueFd fd(
            ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!fd) continue;
        if (::connect(fd.get(), address->ai_addr, address->ai_addrlen) != 0 &&
            errno != EINPROGRESS) {
            last = fail(errors::health_failed, "{}: {}", check.tcp,
                        errno_error(errno, "connect").message);
            continue;
        }
        last = wait_connected(fd.get(), check, stop);
        if (last) return fmt::format("{} accepts connections", check.tcp);
        if (last.error().kind != errors::health_failed.kind) break;
    }
    return std::unexpected(std::move(last).error());
}

Result<std::string> probe_exec(const HealthSpec& check, const ProbePlace& place,
                               const std::stop_token& stop) {
    auto command = check.exec;
    command.front() = (place.root / command.front()).string();
    auto result = run_process({.command = std::move(command),
                               .folder = place.root,
                               .environment = place.environment,
                               .timeout = check.timeout,
                               .max_output_bytes = kMaxDetailBytes},
                              stop);
    if (!result) {
        const auto kind = result.error().kind;
        if (kind == Errc::timeout || kind == Errc::cancelled)
            return std::unexpected(std::move(result).error());
        return fail(errors::health_failed, "{}", result.error().text());
    }
    auto& output = result->output;
    while (!output.empty() && output.back() == '\n') output.pop_back();
    if (result->exit_code != 0)
        return fail(errors::health_failed, "{} ended with {}{}{}", check.exec.front(),
                    result->exit_code, output.empty() ? "" : ": ", output);
    return output.empty() ? fmt::format("{} ended with 0", check.exec.front()) : output;
}

}  // namespace

Result<std::string> run_probe(const HealthSpec& check, const ProbePlace& place,
                              std::stop_token stop) {
    if (!check.http.empty()) return probe_http(check, std::move(stop));
    if (!check.tcp.empty()) return probe_tcp(check, stop);
    if (!check.exec.empty()) return probe_exec(check, place, stop);
    return fail(Errc::invalid, "the check '{}' asks nothing", check.name);
}

}  // namespace cutover
