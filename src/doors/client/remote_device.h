#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "model/device.h"

namespace cutover {

// A device whose agent answers on a unix socket. Every call has a deadline but follow(), which
// lasts until the connection breaks; nothing is repeated by itself.
class RemoteDevice {
public:
    struct Options {
        std::chrono::milliseconds call_timeout{15'000};
        // A preview and the checks of a start verify whole packages, perhaps over a slow network.
        std::chrono::milliseconds plan_timeout{10 * 60'000};
        // A large configuration takes a while to read, check and compare.
        std::chrono::milliseconds config_timeout{2 * 60'000};
        std::chrono::milliseconds ping_interval{10'000};  // finds out that the agent is gone
    };

    // Connects at the first call: that one fails with agent.unreachable when nobody answers.
    static Result<std::unique_ptr<Device>> connect(const std::filesystem::path& socket,
                                                   const Options& options);
    static Result<std::unique_ptr<Device>> connect(const std::filesystem::path& socket) {
        return connect(socket, Options{});
    }
};

}  // namespace cutover
