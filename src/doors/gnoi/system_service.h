#pragma once

#include <functional>
#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/byte_pipe.h"
#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/file_root.h"
#include "doors/gnoi/reboots.h"
#include "gnoi/system/system.grpc.pb.h"
#include "model/operation.h"

namespace cutover::gnoi_door {

// gnoi.system.System: reboots, the time, and packages.
class SystemService final : public ::gnoi::system::System::Service {
public:
    // `files`: what package files are named in; null when clients see none.
    SystemService(DoorContext& door, FileRoot* files)
        : door_(door), files_(files), reboots_(door) {}

    grpc::Status Time(grpc::ServerContext* call, const ::gnoi::system::TimeRequest* request,
                      ::gnoi::system::TimeResponse* reply) override;
    grpc::Status Ping(grpc::ServerContext* call, const ::gnoi::system::PingRequest* request,
                      grpc::ServerWriter<::gnoi::system::PingResponse>* writer) override;
    grpc::Status SetPackage(grpc::ServerContext* call,
                            grpc::ServerReader<::gnoi::system::SetPackageRequest>* reader,
                            ::gnoi::system::SetPackageResponse* reply) override;
    grpc::Status Reboot(grpc::ServerContext* call, const ::gnoi::system::RebootRequest* request,
                        ::gnoi::system::RebootResponse* reply) override;
    grpc::Status RebootStatus(grpc::ServerContext* call,
                              const ::gnoi::system::RebootStatusRequest* request,
                              ::gnoi::system::RebootStatusResponse* reply) override;
    grpc::Status CancelReboot(grpc::ServerContext* call,
                              const ::gnoi::system::CancelRebootRequest* request,
                              ::gnoi::system::CancelRebootResponse* reply) override;

private:
    using PackageReader = grpc::ServerReader<::gnoi::system::SetPackageRequest>;
    using Feed = std::function<Result<>(BytePipe& pipe)>;

    Result<> set_package(grpc::ServerContext& call, PackageReader& reader);
    Result<> install(const Request& request);
    Result<> install_from(const Request& request, const Feed& feed);
    Result<> feed_file(const std::string& path, BytePipe& pipe) const;

    DoorContext& door_;
    FileRoot* files_;
    Reboots reboots_;
};

}  // namespace cutover::gnoi_door
