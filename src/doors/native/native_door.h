#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <sys/types.h>

#include "access/access.h"
#include "base/error.h"
#include "model/device.h"

namespace cutover {

// Serves a Device on a unix socket (proto/cutover/v1/) for as long as it lives. Who asks is known
// by the kernel; what they may, by Access.
class NativeDoor {
public:
    struct Options {
        std::filesystem::path socket;
        mode_t mode = 0600;
        // Without one, whoever can open the socket may do everything. It outlives the door.
        Access* access = nullptr;
        int max_followers = 64;
        int max_connections = 256;
        int max_calls = 64;                                 // at work at a time, followers apart
        std::size_t max_queued_events = 1024;               // of one follower
        std::chrono::milliseconds follower_patience{2000};  // with a full queue
        std::chrono::milliseconds shutdown_timeout{2000};  // for calls at work to end by themselves
    };

    // The socket of a dead agent is replaced; that of a living one is refused
    // (door.socket_in_use). `device` must outlive the door.
    static Result<std::unique_ptr<NativeDoor>> start(Device& device, const Options& options);

    // Ends followers at once, gives other calls until the timeout, and removes the socket.
    ~NativeDoor();
    NativeDoor(const NativeDoor&) = delete;
    NativeDoor& operator=(const NativeDoor&) = delete;

private:
    struct Running;
    explicit NativeDoor(std::unique_ptr<Running> running);

    std::unique_ptr<Running> running_;
};

}  // namespace cutover
