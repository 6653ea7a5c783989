#include "doors/native/socket.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "doors/native/errors.h"

namespace cutover {
namespace {

constexpr auto kBoundName = "socket";

std::unexpected<Error> cannot_listen(const std::filesystem::path& path, int error_number) {
    auto error = make_error(errors::door_cannot_listen, fmt::format("listen at {}", path.string()));
    error.set_cause(std::generic_category().message(error_number));
    return std::unexpected(std::move(error));
}

void discard(const std::filesystem::path& folder) {
    ::unlink((folder / kBoundName).c_str());
    ::rmdir(folder.c_str());
}

}  // namespace

Result<SocketName> SocketName::of(const std::filesystem::path& path) {
    if (path.native().size() < sizeof(sockaddr_un::sun_path)) {
        std::error_code error;
        const auto absolute = std::filesystem::absolute(path, error).native();
        if (!error && absolute.size() < sizeof(sockaddr_un::sun_path))
            return SocketName({}, absolute);
    }
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    auto descriptor = TRY(open_file(folder, O_PATH | O_DIRECTORY));
    auto text = fmt::format("/proc/self/fd/{}/{}", descriptor.get(), path.filename().native());
    if (text.size() >= sizeof(sockaddr_un::sun_path))
        return fail(Errc::invalid, "the name of the socket {} is too long", path.string());
    return SocketName(std::move(descriptor), std::move(text));
}

Result<bool> somebody_listens(const std::filesystem::path& path) {
    struct stat found{};
    if (::lstat(path.c_str(), &found) != 0) {
        if (errno == ENOENT) return false;
        return std::unexpected(errno_error(errno, path.string()));
    }
    if (!S_ISSOCK(found.st_mode))
        return fail(errors::door_not_a_socket, "{} is not a socket", path.string());
    const auto name = TRY(SocketName::of(path));
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) return std::unexpected(errno_error(errno, "socket"));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(&address.sun_path, name.text().data(), name.text().size());
    // NOLINTNEXTLINE(bugprone-casting-through-void): how the system call wants its addresses
    const auto* generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (::connect(probe.get(), generic, sizeof(address)) == 0) return true;
    // A full queue of connections belongs to somebody who is only busy.
    return errno == EAGAIN || errno == EACCES;
}

Result<std::unique_ptr<HiddenSocket>> HiddenSocket::create(std::filesystem::path path) {
    std::error_code failed;
    path = std::filesystem::absolute(path, failed);
    if (failed) return cannot_listen(path, failed.value());
    if (TRY(somebody_listens(path)))
        return fail(errors::door_socket_in_use, "another agent answers at {}", path.string());
    const auto folder = path.native() + ".new";
    discard(folder);  // what a power cut has left
    if (::mkdir(folder.c_str(), 0700) != 0) return cannot_listen(path, errno);
    auto descriptor = open_file(folder, O_PATH | O_DIRECTORY);
    if (!descriptor) {
        ::rmdir(folder.c_str());
        return std::unexpected(std::move(descriptor).error());
    }
    auto name = SocketName::of(std::filesystem::path(folder) / kBoundName);
    if (!name) {
        ::rmdir(folder.c_str());
        return std::unexpected(std::move(name).error());
    }
    return std::unique_ptr<HiddenSocket>(
        new HiddenSocket(std::move(path), folder, *std::move(name)));
}

HiddenSocket::~HiddenSocket() {
    withdraw();
    discard(folder_);
}

Result<> HiddenSocket::publish(mode_t mode) {
    const auto bound = folder_ / kBoundName;
    struct stat found{};
    if (::chmod(bound.c_str(), mode) != 0 || ::lstat(bound.c_str(), &found) != 0 ||
        ::rename(bound.c_str(), path_.c_str()) != 0)
        return cannot_listen(path_, errno);
    inode_ = found.st_ino;
    ::rmdir(folder_.c_str());
    return {};
}

void HiddenSocket::withdraw() {
    struct stat found{};
    if (inode_ == 0 || ::lstat(path_.c_str(), &found) != 0) return;
    if (found.st_ino == inode_) ::unlink(path_.c_str());
    inode_ = 0;
}

}  // namespace cutover
