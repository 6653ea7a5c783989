#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// The name of a unix socket, which goes with its listener.
class SocketFile {
public:
    SocketFile() = default;
    explicit SocketFile(std::filesystem::path path) : path_(std::move(path)) {}
    SocketFile(SocketFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    SocketFile& operator=(SocketFile&& other) noexcept {
        std::swap(path_, other.path_);
        return *this;
    }
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;
    ~SocketFile();

private:
    std::filesystem::path path_;
};

// An address that connections are taken at.
struct Listener {
    UniqueFd fd;
    std::string address;  // with the port that was free
    bool local = false;   // a unix socket: the kernel tells who comes
    SocketFile socket;
};

bool is_unix_socket(std::string_view listen);

// "127.0.0.1:50052", "[::1]:0", or "unix:dmi.sock", which is in `folder` and gets `mode`. The
// socket of a dead agent is replaced. Fails with door.address.
Result<Listener> listen_at(const std::string& listen, const std::filesystem::path& folder,
                           mode_t mode);

// At a path that nothing is at, and that somebody else removes.
Result<Listener> listen_at_socket(const std::filesystem::path& path, mode_t mode);

}  // namespace cutover
