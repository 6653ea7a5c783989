#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "access/access.h"
#include "base/error.h"
#include "base/log.h"
#include "model/device.h"
#include "model/device_config.h"
#include "model/security_config.h"

namespace cutover {

// Serves a Device by OpenConfig's gNOI (proto/gnoi) for as long as it lives.
class GnoiDoor {
public:
    struct Options {
        GnoiDoorConfig config;                                               // where it listens
        std::filesystem::path folder;                                        // the device's
        SecurityConfig security;                                             // encrypted how
        int max_streams = 64;                                                // at work at a time
        int max_calls = 32;                                                  // besides
        std::chrono::milliseconds client_timeout{std::chrono::seconds(30)};  // without a message
        std::chrono::milliseconds shutdown_timeout{2000};  // for calls at work to end by themselves
    };

    // `device`, `access` and `log` outlive the door. Fails as OuterServer::listen().
    static Result<std::unique_ptr<GnoiDoor>> start(Device& device, Access& access, Log& log,
                                                   const Options& options);

    // What waits here ends at once, what else is at work has until the timeout.
    ~GnoiDoor();
    GnoiDoor(const GnoiDoor&) = delete;
    GnoiDoor& operator=(const GnoiDoor&) = delete;

    const std::string& address() const;  // where it listens, with the port that was free

private:
    struct Running;
    explicit GnoiDoor(std::unique_ptr<Running> running);

    std::unique_ptr<Running> running_;
};

}  // namespace cutover
