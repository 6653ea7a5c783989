#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "doors/gnoi/door_context.h"
#include "gnoi/factory_reset/factory_reset.grpc.pb.h"

namespace cutover::gnoi_door {

// gnoi.factory_reset.FactoryReset: `cutover reset --factory`.
class ResetService final : public ::gnoi::factory_reset::FactoryReset::Service {
public:
    explicit ResetService(DoorContext& door) : door_(door) {}

    grpc::Status Start(grpc::ServerContext* call,
                       const ::gnoi::factory_reset::StartRequest* request,
                       ::gnoi::factory_reset::StartResponse* reply) override;

private:
    DoorContext& door_;
};

}  // namespace cutover::gnoi_door
