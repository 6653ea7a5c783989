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

// Serves a Device by the Device Management Interface (proto/dmi) for as long as it lives.
class DmiDoor {
public:
    struct Options {
        DmiDoorConfig config;          // where it listens
        std::filesystem::path folder;  // the device's
        SecurityConfig security;       // encrypted how
        std::string message_bus;       // what the agent publishes events to; empty: nothing
        int max_streams = 256;         // at work at a time
        int max_calls = 64;            // besides
        std::chrono::milliseconds shutdown_timeout{2000};  // for calls at work to end by themselves
    };

    // `device`, `access` and `log` outlive the door. Fails as OuterServer::listen().
    static Result<std::unique_ptr<DmiDoor>> start(Device& device, Access& access, Log& log,
                                                  const Options& options);

    // Ends streams at once, and gives other calls until the timeout.
    ~DmiDoor();
    DmiDoor(const DmiDoor&) = delete;
    DmiDoor& operator=(const DmiDoor&) = delete;

    const std::string& address() const;  // where it listens, with the port that was free

private:
    struct Running;
    explicit DmiDoor(std::unique_ptr<Running> running);

    std::unique_ptr<Running> running_;
};

}  // namespace cutover
