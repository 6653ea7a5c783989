#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// A name for `path` that fits into a socket address, which has room for 107 bytes only: through the
// folder's descriptor. Valid as long as it lives.
class SocketName {
public:
    static Result<SocketName> of(const std::filesystem::path& path);
    const std::string& text() const { return text_; }

private:
    SocketName(UniqueFd folder, std::string text)
        : folder_(std::move(folder)), text_(std::move(text)) {}

    UniqueFd folder_;
    std::string text_;
};

// Whether somebody accepts connections at `path`. Nothing there, and a socket that nobody listens
// to any more, are no; anything but a socket is an error.
Result<bool> somebody_listens(const std::filesystem::path& path);

// Where a server binds before it is seen: in a folder of its own beside the final path, so that
// the socket appears there at once, with its final mode, in the place of a stale one.
class HiddenSocket {
public:
    // Fails with door.socket_in_use when somebody listens at `path`.
    static Result<std::unique_ptr<HiddenSocket>> create(std::filesystem::path path);
    ~HiddenSocket();
    HiddenSocket(const HiddenSocket&) = delete;
    HiddenSocket& operator=(const HiddenSocket&) = delete;

    const std::string& bind_name() const { return name_.text(); }

    // Moves the bound socket to its path.
    Result<> publish(mode_t mode);
    // Removes it from there, unless another one has taken its place.
    void withdraw();

private:
    HiddenSocket(std::filesystem::path path, std::filesystem::path folder, SocketName name)
        : path_(std::move(path)), folder_(std::move(folder)), name_(std::move(name)) {}

    std::filesystem::path path_;
    std::filesystem::path folder_;
    SocketName name_;
    ino_t inode_ = 0;
};

}  // namespace cutover
