#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "dmi/sw_management_service.grpc.pb.h"
#include "doors/dmi/door_context.h"
#include "model/operation.h"

namespace cutover {

// dmi.NativeSoftwareManagementService. Errors of ours are messages with a reason, under a gRPC
// status of OK, as the DMI has it; a status that is none means that no message could be sent.
class SoftwareService final : public ::dmi::NativeSoftwareManagementService::Service {
public:
    explicit SoftwareService(DoorContext& door) : door_(door) {}

    grpc::Status GetSoftwareVersion(grpc::ServerContext* call, const ::dmi::HardwareID* request,
                                    ::dmi::GetSoftwareVersionInformationResponse* reply) override;
    grpc::Status DownloadImage(grpc::ServerContext* call,
                               const ::dmi::DownloadImageRequest* request,
                               grpc::ServerWriter<::dmi::ImageStatus>* writer) override;
    grpc::Status ActivateImage(grpc::ServerContext* call, const ::dmi::HardwareID* request,
                               grpc::ServerWriter<::dmi::ImageStatus>* writer) override;
    grpc::Status RevertToStandbyImage(grpc::ServerContext* call, const ::dmi::HardwareID* request,
                                      grpc::ServerWriter<::dmi::ImageStatus>* writer) override;
    grpc::Status UpdateStartupConfiguration(
        grpc::ServerContext* call, const ::dmi::ConfigRequest* request,
        grpc::ServerWriter<::dmi::ConfigResponse>* writer) override;
    grpc::Status GetStartupConfigurationInfo(grpc::ServerContext* call,
                                             const ::dmi::StartupConfigInfoRequest* request,
                                             ::dmi::StartupConfigInfoResponse* reply) override;
    grpc::Status UploadDebugInfo(grpc::ServerContext* call,
                                 const ::dmi::UploadDebugInfoRequest* request,
                                 grpc::ServerWriter<::dmi::UploadDebugInfoStatus>* writer) override;

private:
    using ImageWriter = grpc::ServerWriter<::dmi::ImageStatus>;

    grpc::Status leave_running(grpc::ServerContext& call, const ::dmi::HardwareID& device,
                               OperationKind kind, ImageWriter& writer);
    grpc::Status run(grpc::ServerContext& call, const Request& request, ImageWriter& writer);
    grpc::Status refuse(const Error& error, ImageWriter& writer) const;

    DoorContext& door_;
};

}  // namespace cutover
