#pragma once

#include <cstdint>
#include <mutex>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "dmi/hw_management_service.grpc.pb.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/settings.h"

namespace google::protobuf {
class Empty;
}

namespace cutover {

// dmi.NativeHWManagementService of one device: the one that this agent runs on. What is not
// overridden answers UNIMPLEMENTED.
class HardwareService final : public ::dmi::NativeHWManagementService::Service {
public:
    using Empty = google::protobuf::Empty;

    HardwareService(DoorContext& door, MachineLoad& load);

    grpc::Status StartManagingDevice(
        grpc::ServerContext* call, const ::dmi::ModifiableComponent* request,
        grpc::ServerWriter<::dmi::StartManagingDeviceResponse>* writer) override;
    grpc::Status StopManagingDevice(grpc::ServerContext* call,
                                    const ::dmi::StopManagingDeviceRequest* request,
                                    ::dmi::StopManagingDeviceResponse* reply) override;
    grpc::Status GetManagedDevices(grpc::ServerContext* call, const Empty* request,
                                   ::dmi::ManagedDevicesResponse* reply) override;
    grpc::Status GetPhysicalInventory(
        grpc::ServerContext* call, const ::dmi::PhysicalInventoryRequest* request,
        grpc::ServerWriter<::dmi::PhysicalInventoryResponse>* writer) override;
    grpc::Status GetHWComponentInfo(
        grpc::ServerContext* call, const ::dmi::HWComponentInfoGetRequest* request,
        grpc::ServerWriter<::dmi::HWComponentInfoGetResponse>* writer) override;
    grpc::Status SetLoggingEndpoint(grpc::ServerContext* call,
                                    const ::dmi::SetLoggingEndpointRequest* request,
                                    ::dmi::SetRemoteEndpointResponse* reply) override;
    grpc::Status GetLoggingEndpoint(grpc::ServerContext* call, const ::dmi::HardwareID* request,
                                    ::dmi::GetLoggingEndpointResponse* reply) override;
    grpc::Status SetMsgBusEndpoint(grpc::ServerContext* call,
                                   const ::dmi::SetMsgBusEndpointRequest* request,
                                   ::dmi::SetRemoteEndpointResponse* reply) override;
    grpc::Status GetMsgBusEndpoint(grpc::ServerContext* call, const Empty* request,
                                   ::dmi::GetMsgBusEndpointResponse* reply) override;
    grpc::Status GetLoggableEntities(grpc::ServerContext* call,
                                     const ::dmi::GetLoggableEntitiesRequest* request,
                                     ::dmi::GetLogLevelResponse* reply) override;
    grpc::Status SetLogLevel(grpc::ServerContext* call, const ::dmi::SetLogLevelRequest* request,
                             ::dmi::SetLogLevelResponse* reply) override;
    grpc::Status GetLogLevel(grpc::ServerContext* call, const ::dmi::GetLogLevelRequest* request,
                             ::dmi::GetLogLevelResponse* reply) override;
    grpc::Status HeartbeatCheck(grpc::ServerContext* call, const Empty* request,
                                ::dmi::Heartbeat* reply) override;
    grpc::Status RebootDevice(grpc::ServerContext* call, const ::dmi::RebootDeviceRequest* request,
                              ::dmi::RebootDeviceResponse* reply) override;

private:
    Result<::dmi::Hardware> inventory(const ::dmi::Uuid& device);
    void take_up_settings();

    DoorContext& door_;
    MachineLoad& load_;
    std::mutex mutex_;  // guards what is below
    DoorSettings settings_;
    ::dmi::ModifiableComponent managed_;  // without a name: nobody manages the device
    ::dmi::SetLoggingEndpointRequest logging_;
    std::uint32_t signature_ = 0;
};

}  // namespace cutover
