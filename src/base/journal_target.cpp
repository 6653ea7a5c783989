#include "base/journal_target.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

// Much longer ones would have to go by another way (a file that is handed over), for nobody's good.
constexpr std::size_t kMaxValueBytes = std::size_t{8} * 1024;
constexpr std::size_t kMaxNameBytes = 64;  // the journal's own

// A value with a line's end in it is told by its length: none can make a field of its own.
void append(std::string& datagram, std::string_view name, std::string_view value) {
    value = value.substr(0, kMaxValueBytes);
    datagram += name;
    if (!value.contains('\n')) {
        datagram += '=';
    } else {
        datagram += '\n';
        for (unsigned shift = 0; shift < 64; shift += 8)  // little-endian
            datagram += static_cast<char>(static_cast<std::uint64_t>(value.size()) >> shift & 0xFF);
    }
    datagram += value;
    datagram += '\n';
}

// "plan-hash" as "CUTOVER_PLAN_HASH".
std::string journal_name(std::string_view name) {
    std::string result = "CUTOVER_";
    for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9';
        result += !letter && !digit ? '_' : c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return result.substr(0, kMaxNameBytes);
}

}  // namespace

bool JournalTarget::is_standard_error() {
    const char* const named = std::getenv("JOURNAL_STREAM");
    struct stat status{};
    if (!named || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return std::string_view(named) == fmt::format("{}:{}", status.st_dev, status.st_ino);
}

Result<JournalTarget> JournalTarget::open(const std::filesystem::path& socket) {
    if (socket.native().size() >= sizeof(sockaddr_un::sun_path))
        return fail(Errc::invalid, "{}: longer than the path of a socket may be", socket.string());
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return std::unexpected(errno_error(errno, "a socket for the journal"));
    return JournalTarget(std::move(fd), socket.string());
}

bool JournalTarget::send(int severity, std::string_view message, Fields fields) const {
    std::string datagram;
    append(datagram, "MESSAGE", message);
    append(datagram, "PRIORITY", std::to_string(severity));
    append(datagram, "SYSLOG_IDENTIFIER", "cutoverd");
    if (!device_.empty()) append(datagram, "CUTOVER_DEVICE", device_);
    for (const auto& [name, value] : fields)
        append(datagram, name == kMessageId ? "MESSAGE_ID" : journal_name(name), value);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    socket_.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    return ::sendto(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0;
}

}  // namespace cutover
