#pragma once

#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "gnoi/os/os.grpc.pb.h"
#include "model/device.h"

namespace cutover::gnoi_door {

// gnoi.os.OS. Its errors are messages, under a gRPC status of OK.
class OsService final : public ::gnoi::os::OS::Service {
public:
    explicit OsService(DoorContext& door) : door_(door) {}

    grpc::Status Install(grpc::ServerContext* call,
                         grpc::ServerReaderWriter<::gnoi::os::InstallResponse,
                                                  ::gnoi::os::InstallRequest>* stream) override;
    grpc::Status Activate(grpc::ServerContext* call, const ::gnoi::os::ActivateRequest* request,
                          ::gnoi::os::ActivateResponse* reply) override;
    grpc::Status Verify(grpc::ServerContext* call, const ::gnoi::os::VerifyRequest* request,
                        ::gnoi::os::VerifyResponse* reply) override;

private:
    Result<> activate(const DeviceState& state, const ::gnoi::os::ActivateRequest& request,
                      const std::string& by);

    DoorContext& door_;
};

}  // namespace cutover::gnoi_door
