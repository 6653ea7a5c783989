#include "doors/dmi/hardware_service.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <expected>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/random.h>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "dmi/commons.pb.h"
#include "dmi/hw.pb.h"
#include "dmi/hw_management_service.pb.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/errors.h"
#include "doors/dmi/inventory.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/reasons.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover {
namespace {

using Lock = std::lock_guard<std::mutex>;

constexpr std::string_view kManaged = "managed";
constexpr std::string_view kLogging = "logging";
constexpr std::string_view kLogLevel = "log-level";
constexpr std::string_view kAgentEntity = "agent";  // all that this agent logs
constexpr std::size_t kMaxNameBytes = 256;

// Says in `reply` what has gone wrong. `unknown` and `other` are its reasons.
template <typename Reply, typename Reason>
void set_error(Reply& reply, const Error& error, Reason unknown, Reason other) {
    reply.set_status(::dmi::ERROR_STATUS);
    reply.set_reason(error.id == errors::dmi_unknown_device.id ? unknown : other);
    reply.set_reason_detail(dmi_wire::reason_detail(error));
}

LogLevel level_of(::dmi::LogLevel level) {
    switch (level) {
        case ::dmi::TRACE:
        case ::dmi::DEBUG: return LogLevel::debug;
        case ::dmi::WARN: return LogLevel::warning;
        case ::dmi::ERROR: return LogLevel::error;
        case ::dmi::INFO:
        case ::dmi::LogLevel_INT_MIN_SENTINEL_DO_NOT_USE_:
        case ::dmi::LogLevel_INT_MAX_SENTINEL_DO_NOT_USE_: break;
    }
    return LogLevel::info;
}

::dmi::LogLevel level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return ::dmi::DEBUG;
        case LogLevel::info: return ::dmi::INFO;
        case LogLevel::warning: return ::dmi::WARN;
        case LogLevel::error: return ::dmi::ERROR;
    }
    std::unreachable();
}

// All entities, or known ones.
template <typename Names>
bool all_known(const Names& names) {
    return std::ranges::all_of(names, [](const auto& name) { return name == kAgentEntity; });
}

void add_level(LogLevel level, ::dmi::GetLogLevelResponse& reply) {
    auto& entry = *reply.add_loglevels();
    entry.set_loglevel(level_of(level));
    entry.add_entities(std::string(kAgentEntity));
}

}  // namespace

HardwareService::HardwareService(DoorContext& door, MachineLoad& load)
    : door_(door), load_(load), settings_(door.folder) {
    // Another one at each start: a client that was away sees that there was one.
    ::getrandom(&signature_, sizeof signature_, 0);
    take_up_settings();
}

// What cannot be read is told and done without: the device must stay manageable.
void HardwareService::take_up_settings() {
    ::dmi::SetDmLogLevelRequest level;
    const auto managed = settings_.read(kManaged, managed_);
    const auto logging = settings_.read(kLogging, logging_);
    const auto levelled = settings_.read(kLogLevel, level);
    for (const auto* const read : {&managed, &logging, &levelled})
        if (!*read)
            door_.log.warning("a setting of the DMI door is lost",
                              {{"error", read->error().text()}});
    if (levelled && *levelled) door_.log.set_level(level_of(level.level()));
    if (!logging_.logging_endpoint().empty())
        if (const auto sending = door_.log.send_to(logging_.logging_endpoint()); !sending)
            door_.log.warning("the log goes to no other machine",
                              {{"error", sending.error().text()}});
}

grpc::Status HardwareService::StartManagingDevice(
    grpc::ServerContext* call, const ::dmi::ModifiableComponent* request,
    grpc::ServerWriter<::dmi::StartManagingDeviceResponse>* writer) {
    using Reply = ::dmi::StartManagingDeviceResponse;
    Reply reply;
    const auto refuse = [&](Reply::Reason reason, std::string_view detail) {
        reply.set_status(::dmi::ERROR_STATUS);
        reply.set_reason(reason);
        reply.set_reason_detail(std::string(detail));
        writer->Write(reply);
        return grpc::Status::OK;
    };
    const auto state = door_.device.state();
    if (!state) return refuse(Reply::INTERNAL_ERROR, dmi_wire::reason_detail(state.error()));
    if (request->name().empty() || request->name().size() > kMaxNameBytes)
        return refuse(Reply::INVALID_PARAMS, "a device is managed under a name");
    if (request->uri().uri().size() > kMaxNameBytes)
        return refuse(Reply::INVALID_PARAMS, "the uri is too long");
    const Lock lock(mutex_);
    if (!managed_.name().empty())
        return refuse(Reply::DEVICE_ALREADY_MANAGED,
                      "this agent's one device is managed as " + managed_.name());
    ::dmi::ModifiableComponent wanted;
    wanted.set_name(request->name());
    wanted.set_alias(request->alias());
    wanted.set_asset_id(request->asset_id());
    wanted.mutable_uri()->set_uri(request->uri().uri());
    if (const auto kept = settings_.keep(kManaged, wanted); !kept)
        return refuse(Reply::INTERNAL_ERROR, dmi_wire::reason_detail(kept.error()));
    managed_ = wanted;
    door_.log.info("the device is managed", {{"as", wanted.name()}, {"by", asker(*call)}});
    reply.set_status(::dmi::OK_STATUS);
    reply.mutable_device_uuid()->set_uuid(state->uuid);
    writer->Write(reply);
    return grpc::Status::OK;
}

grpc::Status HardwareService::StopManagingDevice(grpc::ServerContext* call,
                                                 const ::dmi::StopManagingDeviceRequest* request,
                                                 ::dmi::StopManagingDeviceResponse* reply) {
    using Reply = ::dmi::StopManagingDeviceResponse;
    const Lock lock(mutex_);
    const bool known = !request->name().empty() && request->name() == managed_.name();
    const auto forgotten = known ? settings_.forget(kManaged) : Result<>();
    if (!known || !forgotten) {
        const auto error =
            known ? forgotten.error()
                  : make_error(errors::dmi_unknown_device, "no device is managed under that name");
        set_error(*reply, error, Reply::UNKNOWN_DEVICE, Reply::DEVICE_UNREACHABLE);
        return grpc::Status::OK;
    }
    managed_.Clear();
    door_.log.info("the device is managed no more", {{"by", asker(*call)}});
    reply->set_status(::dmi::OK_STATUS);
    return grpc::Status::OK;
}

grpc::Status HardwareService::GetManagedDevices(grpc::ServerContext* /*call*/,
                                                const Empty* /*request*/,
                                                ::dmi::ManagedDevicesResponse* reply) {
    const auto state = door_.device.state();
    const Lock lock(mutex_);
    if (!state) {
        reply->set_status(::dmi::ERROR_STATUS);
        reply->set_reason(::dmi::ManagedDevicesResponse::INTERNAL_ERROR);
        return grpc::Status::OK;
    }
    reply->set_status(::dmi::OK_STATUS);
    if (managed_.name().empty()) return grpc::Status::OK;
    auto& device = *reply->add_devices();
    *device.mutable_info() = managed_;
    device.mutable_device_uuid()->set_uuid(state->uuid);
    return grpc::Status::OK;
}

Result<::dmi::Hardware> HardwareService::inventory(const ::dmi::Uuid& device) {
    TRY(check_device(door_.device, device));
    const auto figures = TRY(load_.figures());
    const auto state = TRY(door_.device.state());
    ::dmi::Hardware hardware;
    auto& root = *hardware.mutable_root();
    root = dmi_wire::root_component(state, figures);
    const Lock lock(mutex_);
    root.set_alias(managed_.alias());
    root.set_asset_id(managed_.asset_id());
    if (managed_.has_uri()) *root.mutable_uri() = managed_.uri();
    return hardware;
}

grpc::Status HardwareService::GetPhysicalInventory(
    grpc::ServerContext* /*call*/, const ::dmi::PhysicalInventoryRequest* request,
    grpc::ServerWriter<::dmi::PhysicalInventoryResponse>* writer) {
    using Reply = ::dmi::PhysicalInventoryResponse;
    auto found = inventory(request->device_uuid());
    Reply reply;
    if (found) {
        reply.set_status(::dmi::OK_STATUS);
        *reply.mutable_inventory() = *std::move(found);
    } else {
        set_error(reply, found.error(), Reply::UNKNOWN_DEVICE, Reply::INTERNAL_ERROR);
    }
    writer->Write(reply);
    return grpc::Status::OK;
}

grpc::Status HardwareService::GetHWComponentInfo(
    grpc::ServerContext* /*call*/, const ::dmi::HWComponentInfoGetRequest* request,
    grpc::ServerWriter<::dmi::HWComponentInfoGetResponse>* writer) {
    using Reply = ::dmi::HWComponentInfoGetResponse;
    const auto found = inventory(request->device_uuid());
    const auto* const component =
        found ? dmi_wire::find_component(found->root(), request->component_uuid().uuid(),
                                         request->component_name())
              : nullptr;
    Reply reply;
    if (!found) {
        set_error(reply, found.error(), Reply::UNKNOWN_DEVICE, Reply::INTERNAL_ERROR);
    } else if (!component) {
        reply.set_status(::dmi::ERROR_STATUS);
        reply.set_reason(Reply::UNKNOWN_COMPONENT);
        reply.set_reason_detail("the device has no component of that UUID or name");
    } else {
        reply.set_status(::dmi::OK_STATUS);
        *reply.mutable_component() = *component;
    }
    writer->Write(reply);
    return grpc::Status::OK;
}

grpc::Status HardwareService::SetLoggingEndpoint(grpc::ServerContext* /*call*/,
                                                 const ::dmi::SetLoggingEndpointRequest* request,
                                                 ::dmi::SetRemoteEndpointResponse* reply) {
    using Reply = ::dmi::SetRemoteEndpointResponse;
    if (const auto known = check_device(door_.device, request->device_uuid()); !known) {
        set_error(*reply, known.error(), Reply::UNKNOWN_DEVICE, Reply::INTERNAL_ERROR);
        return grpc::Status::OK;
    }
    constexpr std::array<std::string_view, 3> kProtocols{"", "udp", "UDP"};
    if (std::ranges::find(kProtocols, request->logging_protocol()) == kProtocols.end()) {
        reply->set_status(::dmi::ERROR_STATUS);
        reply->set_reason(Reply::LOGGING_ENDPOINT_PROTOCOL_ERROR);
        reply->set_reason_detail("the log is sent as syslog messages (RFC 5424) over udp");
        return grpc::Status::OK;
    }
    const Lock lock(mutex_);
    ::dmi::SetLoggingEndpointRequest wanted;  // and nothing else of what the request may bring
    wanted.set_logging_endpoint(request->logging_endpoint());
    wanted.set_logging_protocol(request->logging_protocol());
    const auto done = [&]() -> Result<> {
        TRY(door_.log.send_to(wanted.logging_endpoint()));
        return settings_.keep(kLogging, wanted);
    }();
    if (!done) {
        set_error(*reply, done.error(), Reply::UNKNOWN_DEVICE, Reply::LOGGING_ENDPOINT_ERROR);
        return grpc::Status::OK;
    }
    logging_ = wanted;
    reply->set_status(::dmi::OK_STATUS);
    return grpc::Status::OK;
}

grpc::Status HardwareService::GetLoggingEndpoint(grpc::ServerContext* /*call*/,
                                                 const ::dmi::HardwareID* request,
                                                 ::dmi::GetLoggingEndpointResponse* reply) {
    using Reply = ::dmi::GetLoggingEndpointResponse;
    if (const auto known = check_device(door_.device, request->uuid()); !known) {
        set_error(*reply, known.error(), Reply::UNKNOWN_DEVICE, Reply::INTERNAL_ERROR);
        return grpc::Status::OK;
    }
    const Lock lock(mutex_);
    reply->set_status(::dmi::OK_STATUS);
    reply->set_logging_endpoint(logging_.logging_endpoint());
    reply->set_logging_protocol(logging_.logging_protocol());
    return grpc::Status::OK;
}

// The bus is a part of the device's configuration, and a change of it one of device.toml.
grpc::Status HardwareService::SetMsgBusEndpoint(grpc::ServerContext* /*call*/,
                                                const ::dmi::SetMsgBusEndpointRequest* request,
                                                ::dmi::SetRemoteEndpointResponse* reply) {
    const auto& bus = door_.message_bus;
    if (!bus.empty() && request->msgbus_endpoint() == bus) {
        reply->set_status(::dmi::OK_STATUS);
        return grpc::Status::OK;
    }
    reply->set_status(::dmi::ERROR_STATUS);
    reply->set_reason(::dmi::SetRemoteEndpointResponse::MSGBUS_ENDPOINT_ERROR);
    reply->set_reason_detail("the message bus is set in the device's device.toml");
    return grpc::Status::OK;
}

grpc::Status HardwareService::GetMsgBusEndpoint(grpc::ServerContext* /*call*/,
                                                const Empty* /*request*/,
                                                ::dmi::GetMsgBusEndpointResponse* reply) {
    const auto& bus = door_.message_bus;
    reply->set_status(bus.empty() ? ::dmi::ERROR_STATUS : ::dmi::OK_STATUS);
    reply->set_msgbus_endpoint(valid_utf8(bus));
    if (bus.empty()) {
        reply->set_reason(::dmi::GetMsgBusEndpointResponse::INTERNAL_ERROR);
        reply->set_reason_detail("events go to no message bus");
    }
    return grpc::Status::OK;
}

grpc::Status HardwareService::GetLoggableEntities(grpc::ServerContext* call,
                                                  const ::dmi::GetLoggableEntitiesRequest* request,
                                                  ::dmi::GetLogLevelResponse* reply) {
    ::dmi::GetLogLevelRequest all;
    *all.mutable_device_uuid() = request->device_uuid();
    return GetLogLevel(call, &all, reply);
}

grpc::Status HardwareService::SetLogLevel(grpc::ServerContext* call,
                                          const ::dmi::SetLogLevelRequest* request,
                                          ::dmi::SetLogLevelResponse* reply) {
    using Reply = ::dmi::SetLogLevelResponse;
    reply->mutable_device_uuid()->set_uuid(shown_uuid(request->device_uuid()));
    if (const auto known = check_device(door_.device, request->device_uuid()); !known) {
        set_error(*reply, known.error(), Reply::UNKNOWN_DEVICE, Reply::INTERNAL_ERROR);
        return grpc::Status::OK;
    }
    for (const auto& entry : request->loglevels())
        if (!all_known(entry.entities())) {
            reply->set_status(::dmi::ERROR_STATUS);
            reply->set_reason(Reply::UNKNOWN_LOG_ENTITY);
            reply->set_reason_detail("the one entity is \"agent\"");
            return grpc::Status::OK;
        }
    const Lock lock(mutex_);
    // All are of the one entity, so the last one is what is wanted: a request may have millions.
    if (!request->loglevels().empty()) {
        const auto level = request->loglevels().rbegin()->loglevel();
        ::dmi::SetDmLogLevelRequest kept;
        kept.set_level(level);
        if (const auto done = settings_.keep(kLogLevel, kept); !done) {
            set_error(*reply, done.error(), Reply::UNKNOWN_DEVICE, Reply::INTERNAL_ERROR);
            return grpc::Status::OK;
        }
        door_.log.set_level(level_of(level));
        door_.log.info("log level", {{"level", ::dmi::LogLevel_Name(level)}, {"by", asker(*call)}});
    }
    reply->set_status(::dmi::OK_STATUS);
    return grpc::Status::OK;
}

grpc::Status HardwareService::GetLogLevel(grpc::ServerContext* /*call*/,
                                          const ::dmi::GetLogLevelRequest* request,
                                          ::dmi::GetLogLevelResponse* reply) {
    using Reply = ::dmi::GetLogLevelResponse;
    reply->mutable_device_uuid()->set_uuid(shown_uuid(request->device_uuid()));
    if (const auto known = check_device(door_.device, request->device_uuid()); !known) {
        set_error(*reply, known.error(), Reply::UNKNOWN_DEVICE, Reply::INTERNAL_ERROR);
    } else if (!all_known(request->entities())) {
        reply->set_status(::dmi::ERROR_STATUS);
        reply->set_reason(Reply::UNKNOWN_LOG_ENTITY);
        reply->set_reason_detail("the one entity is \"agent\"");
    } else {
        reply->set_status(::dmi::OK_STATUS);
        add_level(door_.log.level(), *reply);
    }
    return grpc::Status::OK;
}

grpc::Status HardwareService::HeartbeatCheck(grpc::ServerContext* /*call*/,
                                             const Empty* /*request*/, ::dmi::Heartbeat* reply) {
    reply->set_heartbeat_signature(signature_);
    return grpc::Status::OK;
}

// The door lets its calls end before the agent does, so that the answer is out before the reboot.
grpc::Status HardwareService::RebootDevice(grpc::ServerContext* call,
                                           const ::dmi::RebootDeviceRequest* request,
                                           ::dmi::RebootDeviceResponse* reply) {
    using Reply = ::dmi::RebootDeviceResponse;
    const auto started = [&]() -> Result<OperationId> {
        TRY(check_device(door_.device, request->device_uuid()));
        return door_.device.start({.kind = OperationKind::reboot, .asked_by = asker(*call)});
    }();
    if (started) {
        reply->set_status(::dmi::OK_STATUS);
        return grpc::Status::OK;
    }
    const bool busy = started.error().kind == Errc::conflict;
    set_error(*reply, started.error(), Reply::UNKNOWN_DEVICE,
              busy ? Reply::DEVICE_IN_WRONG_STATE : Reply::INTERNAL_ERROR);
    return grpc::Status::OK;
}

}  // namespace cutover
