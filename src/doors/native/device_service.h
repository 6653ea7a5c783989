#pragma once

#include <atomic>
#include <stop_token>
#include <string>

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "cutover/v1/device.grpc.pb.h"
#include "doors/native/native_door.h"
#include "model/device.h"

namespace cutover {

// The calls of device.proto over a Device. Each runs on a thread of its own, given by gRPC, for a
// preview may take a while; a follower has a second one, which the Device feeds.
class DeviceService final : public v1::Device::Service {
public:
    DeviceService(Device& device, const NativeDoor::Options& options)
        : device_(device), options_(options) {}

    void end_followers() { ending_.request_stop(); }

    grpc::Status GetState(grpc::ServerContext* context, const v1::GetStateRequest* request,
                          v1::DeviceState* reply) override;
    grpc::Status Preview(grpc::ServerContext* context, const v1::Request* request,
                         v1::PreviewReply* reply) override;
    grpc::Status Start(grpc::ServerContext* context, const v1::Request* request,
                       v1::StartReply* reply) override;
    grpc::Status Cancel(grpc::ServerContext* context, const v1::CancelRequest* request,
                        v1::CancelReply* reply) override;
    grpc::Status GetOperation(grpc::ServerContext* context, const v1::GetOperationRequest* request,
                              v1::Operation* reply) override;
    grpc::Status ListOperations(grpc::ServerContext* context,
                                const v1::ListOperationsRequest* request,
                                v1::ListOperationsReply* reply) override;
    grpc::Status Follow(grpc::ServerContext* context, const v1::FollowRequest* request,
                        grpc::ServerWriter<v1::FeedItem>* writer) override;
    grpc::Status GetLog(grpc::ServerContext* context, const v1::GetLogRequest* request,
                        v1::GetLogReply* reply) override;

private:
    std::string asker(const grpc::ServerContext& call) const;
    grpc::Status feed(grpc::ServerContext& context, const FollowRequest& request,
                      grpc::ServerWriter<v1::FeedItem>& writer);

    Device& device_;
    const NativeDoor::Options options_;
    std::stop_source ending_;
    std::atomic<int> followers_ = 0;
};

}  // namespace cutover
