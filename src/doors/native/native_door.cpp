#include "doors/native/native_door.h"

#include <memory>
#include <sys/types.h>
#include <utility>

#include "base/error.h"
#include "doors/native/backup_service.h"
#include "doors/native/configuration_service.h"
#include "doors/native/device_service.h"
#include "doors/native/errors.h"
#include "doors/native/socket.h"
#include "doors/native/status.h"
#include "doors/outer/listener.h"
#include "doors/outer/outer_server.h"
#include "model/device.h"

namespace cutover {

// Destroyed from the last member up: the server, then what it calls, then its socket.
struct NativeDoor::Running {
    Running(Device& device, const Options& wanted)
        : options(wanted),
          service(device, wanted),
          configuration(device, wanted),
          backups(device, wanted) {}

    Options options;
    std::unique_ptr<HiddenSocket> socket;
    DeviceService service;
    ConfigurationService configuration;
    BackupService backups;
    std::unique_ptr<OuterServer> server;
};

Result<std::unique_ptr<NativeDoor>> NativeDoor::start(Device& device, const Options& options) {
    auto running = std::make_unique<Running>(device, options);
    running->socket = TRY(HiddenSocket::create(options.socket));
    constexpr mode_t kUntilPublished = 0600;
    auto listener = listen_at_socket(running->socket->bind_name(), kUntilPublished);
    if (!listener)
        return fail(errors::door_cannot_listen, "listen at {}: {}", options.socket.string(),
                    listener.error().message);
    OuterServer::Options wanted;
    wanted.name = "native";
    wanted.limits = {.max_connections = options.max_connections,
                     .max_threads = options.max_followers + options.max_calls,
                     .max_metadata_bytes = wire::kMaxMetadataBytes,
                     .shutdown = options.shutdown_timeout};
    running->server = TRY(OuterServer::serve(
        *std::move(listener), wanted,
        {&running->service, &running->configuration, &running->backups}, options.access));
    auto door = std::unique_ptr<NativeDoor>(new NativeDoor(std::move(running)));
    TRY(door->running_->socket->publish(options.mode));
    return door;
}

NativeDoor::NativeDoor(std::unique_ptr<Running> running) : running_(std::move(running)) {}

NativeDoor::~NativeDoor() {
    running_->socket->withdraw();
    running_->server->close();
    running_->service.end_followers();
    running_->server.reset();
}

}  // namespace cutover
