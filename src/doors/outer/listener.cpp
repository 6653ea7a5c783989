#include "doors/outer/listener.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <expected>
#include <filesystem>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

#include <fmt/core.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "doors/outer/errors.h"

namespace cutover {
namespace {

constexpr int kBacklog = 1024;  // a crowd keeps nobody waiting for a second
constexpr std::string_view kUnix = "unix:";

struct ListFree {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

sockaddr* generic(void* address) { return static_cast<sockaddr*>(address); }

std::unexpected<Error> cannot_listen(std::string_view where, int number) {
    return fail(errors::door_address, "{}: {}", where, std::strerror(number));
}

Result<UniqueFd> bound(const std::string& where, int family, sockaddr* address, socklen_t length) {
    constexpr mode_t kOwnerOnly = 0600;
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return cannot_listen(where, errno);
    const int yes = 1;
    if (family != AF_UNIX) {
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        // The address may come later than the agent.
        ::setsockopt(fd.get(), IPPROTO_IP, IP_FREEBIND, &yes, sizeof yes);
    }
    // Before there is a name, so that it is never open to more than it is to be.
    if (family == AF_UNIX && ::fchmod(fd.get(), kOwnerOnly) != 0)
        return cannot_listen(where, errno);
    if (::bind(fd.get(), address, length) != 0 || ::listen(fd.get(), kBacklog) != 0)
        return cannot_listen(where, errno);
    return fd;
}

Result<sockaddr_un> socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return cannot_listen(path, ENAMETOOLONG);
    std::memcpy(&address.sun_path[0], path.c_str(), path.size());
    return address;
}

// Of an agent that was killed.
Result<> remove_stale(const std::string& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return {};
    if (!S_ISSOCK(info.st_mode)) return cannot_listen(path, EEXIST);
    auto address = TRY(socket_address(path));
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!probe) return cannot_listen(path, errno);
    if (::connect(probe.get(), generic(&address), sizeof address) == 0 || errno != ECONNREFUSED)
        return cannot_listen(path, EADDRINUSE);
    ::unlink(path.c_str());
    return {};
}

std::string bound_address(int fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(fd, generic(&address), &length) != 0) return {};
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (::getnameinfo(generic(&address), length, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return {};
    const bool brackets = address.ss_family == AF_INET6;
    return fmt::format("{}{}{}:{}", brackets ? "[" : "", host.data(), brackets ? "]" : "",
                       port.data());
}

Result<Listener> listen_tcp(std::string_view listen) {
    const auto colon = listen.rfind(':');
    auto host = std::string(listen.substr(0, colon));
    const auto port = std::string(colon == std::string_view::npos ? "" : listen.substr(colon + 1));
    std::uint16_t number = 0;
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (problem != std::errc{} || end != port.data() + port.size())
        return fail(errors::door_address, "{}: a port is a number up to 65535", listen);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    addrinfo hints{};
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list); code != 0)
        return fail(errors::door_address, "{}: {}", listen, ::gai_strerror(code));
    const std::unique_ptr<addrinfo, ListFree> owned(list);
    Listener made;
    made.fd = TRY(bound(std::string(listen), list->ai_family, list->ai_addr, list->ai_addrlen));
    made.address = bound_address(made.fd.get());
    return made;
}

}  // namespace

SocketFile::~SocketFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

bool is_unix_socket(std::string_view listen) { return listen.starts_with(kUnix); }

Result<Listener> listen_at_socket(const std::filesystem::path& path, mode_t mode) {
    auto address = TRY(socket_address(path.string()));
    Listener made;
    made.fd = TRY(bound(path.string(), AF_UNIX, generic(&address), sizeof address));
    if (::chmod(path.c_str(), mode) != 0) return cannot_listen(path.string(), errno);
    made.address = fmt::format("{}{}", kUnix, path.string());
    made.local = true;
    return made;
}

Result<Listener> listen_at(const std::string& listen, const std::filesystem::path& folder,
                           mode_t mode) {
    if (!is_unix_socket(listen)) return listen_tcp(listen);
    const auto path = folder / listen.substr(kUnix.size());
    TRY(remove_stale(path.string()));
    auto made = TRY(listen_at_socket(path, mode));
    made.socket = SocketFile(path);
    return made;
}

}  // namespace cutover
