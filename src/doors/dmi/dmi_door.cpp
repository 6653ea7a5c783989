#include "doors/dmi/dmi_door.h"

#include <memory>
#include <string>
#include <utility>

#include "access/access.h"
#include "base/error.h"
#include "base/log.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/events_service.h"
#include "doors/dmi/hardware_service.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/metrics_service.h"
#include "doors/dmi/software_service.h"
#include "doors/outer/outer_server.h"
#include "model/device.h"

namespace cutover {

// Destroyed from the last member up: the server, then what it calls.
struct DmiDoor::Running {
    Running(Device& device, Log& log, const Options& wanted)
        : context(device, log, wanted.folder / "dmi", wanted.max_streams, wanted.message_bus),
          load(wanted.folder),
          software(context),
          hardware(context, load),
          events(context),
          metrics(context, load) {}

    DoorContext context;
    MachineLoad load;
    SoftwareService software;
    HardwareService hardware;
    EventsService events;
    MetricsService metrics;
    std::unique_ptr<OuterServer> server;
};

Result<std::unique_ptr<DmiDoor>> DmiDoor::start(Device& device, Access& access, Log& log,
                                                const Options& options) {
    auto running = std::make_unique<Running>(device, log, options);
    OuterServer::Options wanted;
    wanted.name = "dmi";
    wanted.limits = {.max_connections = options.config.max_connections,
                     .max_threads = options.max_streams + options.max_calls,
                     .shutdown = options.shutdown_timeout};
    wanted.reflection = options.config.reflection;
    if (options.config.plaintext) wanted.plaintext = options.security.plaintext_role;
    wanted.folder = options.folder;
    wanted.security = options.security;
    auto& parts = *running;
    parts.server = TRY(OuterServer::listen(
        options.config.listen, std::move(wanted),
        {&parts.software, &parts.hardware, &parts.events, &parts.metrics}, access, log));
    auto door = std::unique_ptr<DmiDoor>(new DmiDoor(std::move(running)));
    log.info("the DMI door is open",
             {{"address", door->address()}, {"device", TRY(device.state()).uuid}});
    return door;
}

DmiDoor::DmiDoor(std::unique_ptr<Running> running) : running_(std::move(running)) {}

DmiDoor::~DmiDoor() {
    running_->server->close();
    running_->context.ending.request_stop();
    running_->server.reset();
}

const std::string& DmiDoor::address() const { return running_->server->address(); }

}  // namespace cutover
