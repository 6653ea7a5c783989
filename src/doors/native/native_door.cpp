#include "doors/native/native_door.h"

#include <chrono>
#include <memory>
#include <utility>

#include <fmt/core.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>

#include "base/error.h"
#include "doors/native/device_service.h"
#include "doors/native/errors.h"
#include "doors/native/socket.h"
#include "doors/native/status.h"
#include "model/device.h"

namespace cutover {

// Destroyed from the last member up: the server, then what it calls, then its socket.
struct NativeDoor::Running {
    Running(Device& device, const Options& wanted) : options(wanted), service(device, wanted) {}

    Options options;
    std::unique_ptr<HiddenSocket> socket;
    DeviceService service;
    std::unique_ptr<grpc::Server> server;
};

namespace {

constexpr int kMaxStreamsPerConnection = 128;
constexpr int kKeepaliveMs = 30'000;         // a client that was stopped is found out
constexpr int kKeepaliveTimeoutMs = 20'000;  // and is cut off after that
constexpr int kClientPingsMs = 5'000;        // clients may ask that often whether we live

void set_limits(grpc::ServerBuilder& builder, const NativeDoor::Options& options) {
    grpc::ResourceQuota quota("cutover");
    quota.SetMaxThreads(options.max_followers + options.max_calls);
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(wire::kMaxMessageBytes);
    builder.SetMaxSendMessageSize(wire::kMaxMessageBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, wire::kMaxMetadataBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               kClientPingsMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace

Result<std::unique_ptr<NativeDoor>> NativeDoor::start(Device& device, const Options& options) {
    auto running = std::make_unique<Running>(device, options);
    running->socket = TRY(HiddenSocket::create(options.socket));
    grpc::ServerBuilder builder;
    set_limits(builder, options);
    builder.AddListeningPort("unix:" + running->socket->bind_name(),
                             grpc::InsecureServerCredentials());
    builder.RegisterService(&running->service);
    running->server = builder.BuildAndStart();
    if (!running->server)
        return fail(errors::door_cannot_listen, "listen at {}", options.socket.string());
    auto door = std::unique_ptr<NativeDoor>(new NativeDoor(std::move(running)));
    TRY(door->running_->socket->publish(options.mode));
    return door;
}

NativeDoor::NativeDoor(std::unique_ptr<Running> running) : running_(std::move(running)) {}

NativeDoor::~NativeDoor() {
    running_->socket->withdraw();
    running_->service.end_followers();
    running_->server->Shutdown(std::chrono::system_clock::now() +
                               running_->options.shutdown_timeout);
    running_->server->Wait();
}

}  // namespace cutover
