#include "outer_doors.h"

#include <memory>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <fmt/format.h>

#include "access/access.h"
#include "agent_life.h"
#include "base/error.h"
#include "model/device.h"
#include "model/device_config.h"
#ifdef CUTOVER_DOOR_DMI
#include "doors/dmi/dmi_door.h"
#endif
#ifdef CUTOVER_DOOR_GNOI
#include "doors/gnoi/gnoi_door.h"
#endif
#if defined(CUTOVER_DOOR_DMI) || defined(CUTOVER_DOOR_GNOI)
#include "doors/outer/errors.h"
#endif
#if !defined(CUTOVER_DOOR_DMI) || !defined(CUTOVER_DOOR_GNOI)
#include "model/config_errors.h"
#endif

namespace cutover {
namespace {

#if defined(CUTOVER_DOOR_DMI) || defined(CUTOVER_DOOR_GNOI)
// What is to be upgraded needs its agent more than a door. What device.toml asks for in vain ends
// the agent at once.
bool door_can_be_missed(const Error& error) {
    return error.id == errors::door_address.id || error.id == errors::door_certificate.id ||
           error.id == errors::door_key_open.id;
}
#endif

#ifdef CUTOVER_DOOR_DMI
// Where events go to, for who asks; empty when they go nowhere.
std::string message_bus([[maybe_unused]] const DeviceConfig& config) {
#ifdef CUTOVER_KAFKA
    if (config.kafka) return fmt::format("{}", fmt::join(config.kafka->brokers, ","));
#endif
    return {};
}

Result<std::unique_ptr<DmiDoor>> open_dmi_door(Device& device, Access& access,
                                               const AgentParts& parts) {
    if (parts.config.dmi.listen.empty()) return std::unique_ptr<DmiDoor>();
    auto door = DmiDoor::start(device, access, parts.log,
                               {.config = parts.config.dmi,
                                .folder = parts.folder,
                                .security = parts.config.security,
                                .message_bus = message_bus(parts.config)});
    if (door || !door_can_be_missed(door.error())) return door;
    parts.log.error("there is no DMI door",
                    {{"error", door.error().text()}, {"remedy", door.error().remedy}});
    return std::unique_ptr<DmiDoor>();
}
#endif

#ifdef CUTOVER_DOOR_GNOI
Result<std::unique_ptr<GnoiDoor>> open_gnoi_door(Device& device, Access& access,
                                                 const AgentParts& parts) {
    if (parts.config.gnoi.listen.empty()) return std::unique_ptr<GnoiDoor>();
    auto door = GnoiDoor::start(device, access, parts.log,
                                {.config = parts.config.gnoi,
                                 .folder = parts.folder,
                                 .security = parts.config.security,
                                 .client_timeout = parts.config.transfer_timeout});
    if (door || !door_can_be_missed(door.error())) return door;
    parts.log.error("there is no gNOI door",
                    {{"error", door.error().text()}, {"remedy", door.error().remedy}});
    return std::unique_ptr<GnoiDoor>();
}
#endif

}  // namespace

struct OuterDoors::Open {
#ifdef CUTOVER_DOOR_DMI
    std::unique_ptr<DmiDoor> dmi;
#endif
#ifdef CUTOVER_DOOR_GNOI
    std::unique_ptr<GnoiDoor> gnoi;
#endif
};

Result<OuterDoors> OuterDoors::open([[maybe_unused]] Device& device,
                                    [[maybe_unused]] Access& access, const AgentParts& parts) {
    auto open = std::make_unique<Open>();
#ifdef CUTOVER_DOOR_DMI
    open->dmi = TRY(open_dmi_door(device, access, parts));
#else
    if (!parts.config.dmi.listen.empty())
        return fail(errors::config_no_backend, "[doors.dmi]: left out of this build");
#endif
#ifdef CUTOVER_DOOR_GNOI
    open->gnoi = TRY(open_gnoi_door(device, access, parts));
#else
    if (!parts.config.gnoi.listen.empty())
        return fail(errors::config_no_backend, "[doors.gnoi]: left out of this build");
#endif
    return OuterDoors(std::move(open));
}

OuterDoors::OuterDoors(std::unique_ptr<Open> open) : open_(std::move(open)) {}
OuterDoors::OuterDoors(OuterDoors&&) noexcept = default;
OuterDoors::~OuterDoors() = default;

}  // namespace cutover
