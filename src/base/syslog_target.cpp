#include "base/syslog_target.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

struct ListFree {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

}  // namespace

Result<> SyslogTarget::set(const std::string& host_and_port) {
    UniqueFd fresh;
    if (!host_and_port.empty()) {
        const auto colon = host_and_port.rfind(':');
        if (colon == std::string::npos || colon == 0)
            return fail(Errc::invalid, "an address is HOST:PORT");
        auto host = host_and_port.substr(0, colon);
        if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
        addrinfo hints{};
        hints.ai_socktype = SOCK_DGRAM;
        hints.ai_flags = AI_NUMERICSERV;
        addrinfo* list = nullptr;
        const auto port = host_and_port.substr(colon + 1);
        if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list); code != 0)
            return fail(Errc::invalid, "{}: {}", host_and_port, ::gai_strerror(code));
        const std::unique_ptr<addrinfo, ListFree> owned(list);
        fresh = UniqueFd(::socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!fresh || ::connect(fresh.get(), list->ai_addr, list->ai_addrlen) != 0)
            return std::unexpected(errno_error(errno, host_and_port));
    }
    const std::lock_guard lock(mutex_);
    socket_ = std::move(fresh);
    return {};
}

void SyslogTarget::send(int severity, std::string_view text) {
    constexpr int kDaemon = 3 * 8;  // the facility
    constexpr std::size_t kMaxBytes = 2048;
    const std::lock_guard lock(mutex_);
    if (!socket_) return;
    const auto message =
        fmt::format("<{}>1 {} - cutoverd {} - - {}", kDaemon + severity,
                    to_iso8601(SystemClock().wall()), ::getpid(), text.substr(0, kMaxBytes));
    static_cast<void>(::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL));
}

}  // namespace cutover
