#include "platform/emulated/service_sockets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "base/utf8.h"

namespace cutover {
namespace {

struct Address {
    std::string host;  // empty: every one
    std::string port;
};

Result<Address> parse_listen(const std::string& listen) {
    const auto bad = [&] {
        return fail(Errc::invalid, "'{}' is not a socket like tcp:8080 or tcp:127.0.0.1:8080",
                    listen);
    };
    constexpr std::string_view kTcp = "tcp:";
    if (!listen.starts_with(kTcp)) return bad();
    const auto rest = listen.substr(kTcp.size());
    const auto colon = rest.rfind(':');
    Address address;
    address.port = colon == std::string::npos ? rest : rest.substr(colon + 1);
    if (colon != std::string::npos) {
        address.host = rest.substr(0, colon);
        if (address.host.starts_with('[') && address.host.ends_with(']'))
            address.host = address.host.substr(1, address.host.size() - 2);
        if (address.host.empty()) return bad();
    }
    std::uint16_t port = 0;
    const auto* const end = address.port.data() + address.port.size();
    const auto [stop, error] = std::from_chars(address.port.data(), end, port);
    if (error != std::errc{} || stop != end || address.port.empty()) return bad();
    return address;
}

struct AddressFree {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

Result<UniqueFd> listen_at(const Address& address, const std::string& shown) {
    const addrinfo hints{.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                         .ai_socktype = SOCK_STREAM};
    addrinfo* found = nullptr;
    if (::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found) != 0)
        return fail(Errc::invalid, "'{}' has no numeric address", shown);
    const std::unique_ptr<addrinfo, AddressFree> list(found);
    UniqueFd fd(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    const int off = 0;
    if (fd) {
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (list->ai_family == AF_INET6 && address.host == "::")
            ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    const bool listens = fd && ::bind(fd.get(), list->ai_addr, list->ai_addrlen) == 0 &&
                         ::listen(fd.get(), SOMAXCONN) == 0;
    if (!listens) return std::unexpected(errno_error(errno, fmt::format("listen on {}", shown)));
    return fd;
}

// For people to read: what is none of a line's characters is left out of it.
std::string status_text(std::string_view text) {
    std::string line;
    for (const char c : text)
        if (const auto byte = static_cast<unsigned char>(c); byte >= 0x20 && byte != 0x7F)
            line += c;
    return shown_utf8(line, NotifySocket::kMaxStatus);
}

void take_message(std::string_view message, NotifySocket::Said& said) {
    constexpr std::string_view kStatus = "STATUS=";
    while (!message.empty()) {
        const auto line = message.substr(0, message.find('\n'));
        if (line == "READY=1") said.ready = true;
        if (line.starts_with(kStatus)) said.status = status_text(line.substr(kStatus.size()));
        message.remove_prefix(std::min(message.size(), line.size() + 1));
    }
}

}  // namespace

Result<UniqueFd> open_listener(const std::string& listen) {
    auto address = TRY(parse_listen(listen));
    if (!address.host.empty()) return listen_at(address, listen);
    address.host = "::";
    auto both = listen_at(address, listen);
    if (both) return both;
    address.host = "0.0.0.0";  // a machine without IPv6
    return listen_at(address, listen);
}

Result<std::vector<HeldSocket>> copies_of(const std::vector<HeldSocket>& sockets) {
    std::vector<HeldSocket> copies;
    for (const auto& socket : sockets) {
        UniqueFd fd(::fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 0));
        if (!fd) return std::unexpected(errno_error(errno, "copy " + socket.listen));
        copies.push_back({.listen = socket.listen, .fd = std::move(fd)});
    }
    return copies;
}

Result<std::vector<HeldSocket>> open_sockets(const std::vector<std::string>& wanted,
                                             std::vector<HeldSocket> held) {
    std::vector<HeldSocket> sockets;
    for (const auto& listen : wanted) {
        const auto same = std::ranges::find(held, listen, &HeldSocket::listen);
        sockets.push_back({.listen = listen, .fd = {}});
        if (same == held.end()) continue;
        sockets.back().fd = std::move(same->fd);
        held.erase(same);
    }
    held.clear();
    for (auto& socket : sockets)
        if (!socket.fd) socket.fd = TRY(open_listener(socket.listen));
    return sockets;
}

Result<NotifySocket> NotifySocket::open() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const int on = 1;
    // Without a path the kernel chooses an abstract name that nobody has.
    socklen_t length = sizeof address.sun_family;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    bool usable = fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 &&
                  ::bind(fd.get(), generic, length) == 0;
    length = sizeof address;
    usable = usable && ::getsockname(fd.get(), generic, &length) == 0;
    if (!usable) return std::unexpected(errno_error(errno, "notify socket"));
    const auto name_length = length - offsetof(sockaddr_un, sun_path);
    std::string name(static_cast<const char*>(address.sun_path), name_length);
    name.front() = '@';
    return NotifySocket(std::move(fd), std::move(name));
}

NotifySocket::Said NotifySocket::hear(pid_t group) const {
    Said said;
    for (;;) {
        std::array<char, 4096> text{};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
        iovec part{.iov_base = text.data(), .iov_len = text.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const auto got = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
        if (got < 0) return said;
        const auto* const header = CMSG_FIRSTHDR(&message);
        if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) continue;
        ucred sender{};
        std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
        // A short-lived helper (systemd-notify) may be gone already; then its group is unknown and
        // only its user can be compared.
        const pid_t sender_group = ::getpgid(sender.pid);
        const bool ours = sender_group == group || (sender_group < 0 && sender.uid == ::geteuid());
        if (ours) take_message({text.data(), static_cast<std::size_t>(got)}, said);
    }
}

}  // namespace cutover
