#pragma once

#include <cstddef>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace cutover {

// A listening socket for "tcp:8080" (every address), "tcp:127.0.0.1:8080" or "tcp:[::1]:8080".
Result<UniqueFd> open_listener(const std::string& listen);

// A listening socket of a service, under the words of its spec.
struct HeldSocket {
    std::string listen;
    UniqueFd fd;
};

// The same sockets under further descriptors: a connection goes to whoever accepts it first, and
// none is refused while one descriptor is open.
Result<std::vector<HeldSocket>> copies_of(const std::vector<HeldSocket>& sockets);

// The sockets of `wanted`, out of `held` where they are there; the rest of `held` is closed before
// new ones are opened, for a new one may overlap with it.
Result<std::vector<HeldSocket>> open_sockets(const std::vector<std::string>& wanted,
                                             std::vector<HeldSocket> held);

// Where a service says READY=1, as sd_notify(3) does: an abstract socket, so that the length of
// the device's path does not matter.
class NotifySocket {
public:
    static Result<NotifySocket> open();
    int fd() const { return fd_.get(); }
    const std::string& name() const { return name_; }  // the value of NOTIFY_SOCKET

    struct Said {
        bool ready = false;  // READY=1
        std::string status;  // the last STATUS=: one line of text, cut to kMaxStatus bytes
    };
    static constexpr std::size_t kMaxStatus = 200;

    // Reads the messages at hand of the process group `group`. Anybody on the machine can send
    // here, so the kernel's word on the sender decides.
    Said hear(pid_t group) const;

private:
    NotifySocket(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

    UniqueFd fd_;
    std::string name_;
};

}  // namespace cutover
