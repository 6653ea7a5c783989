#include "doors/client/remote_device.h"

#include <chrono>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <functional>
#include <grpc/support/log.h>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/status_code_enum.h>

#include "base/error.h"
#include "cutover/v1/device.grpc.pb.h"
#include "cutover/v1/device.pb.h"
#include "doors/client/errors.h"
#include "doors/native/convert.h"
#include "doors/native/errors.h"
#include "doors/native/socket.h"
#include "doors/native/status.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

// gRPC tells standard error of every connection that fails; we return an Error that says more.
void silence_grpc() {
    if (std::getenv("GRPC_VERBOSITY") == nullptr)  // NOLINT(concurrency-mt-unsafe): only read
        gpr_set_log_function([](gpr_log_func_args* /*line*/) {});
}

std::shared_ptr<grpc::Channel> open_channel(const std::string& socket, milliseconds ping) {
    grpc::ChannelArguments arguments;
    // Channels to one target share a memory of failures by default, and with it a growing pause
    // before the next attempt. Whoever waits for a device that restarts decides that himself.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    // In spite of its name: how long an attempt may take. A busy agent needs a while to answer.
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(ping.count()));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(ping.count()));
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, wire::kMaxMetadataBytes);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(wire::kMaxMessageBytes);
    arguments.SetMaxSendMessageSize(wire::kMaxMessageBytes);
    return grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(),
                                     arguments);
}

std::string sent_error(const grpc::ClientContext& context) {
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto found = trailers.find(wire::kErrorMetadata);
    return found == trailers.end() ? std::string()
                                   : std::string(found->second.data(), found->second.size());
}

// What the agent does not understand in a request is a fault of the request; the same in an answer
// is a newer agent.
template <typename Value>
Result<Value> understood(Result<Value> value) {
    if (value) return value;
    auto error = make_error(errors::door_bad_reply, "understand the agent's answer");
    error.set_cause(value.error().text());
    return std::unexpected(std::move(error));
}

class Client final : public Device {
public:
    Client(SocketName name, std::filesystem::path socket, RemoteDevice::Options options)
        : name_(std::move(name)),
          socket_(std::move(socket)),
          options_(options),
          stub_(v1::Device::NewStub(open_channel(name_.text(), options.ping_interval))) {}

    Result<DeviceState> state() override {
        const auto reply = TRY(
            call<v1::DeviceState>(&Stub::GetState, v1::GetStateRequest(), options_.call_timeout));
        return understood(wire::to_model(reply));
    }

    Result<Preview> preview(const Request& request) override {
        const auto reply =
            TRY(call<v1::PreviewReply>(&Stub::Preview, wire::from(request), options_.plan_timeout));
        return understood(wire::to_model(reply));
    }

    Result<OperationId> start(const Request& request) override {
        const auto reply =
            TRY(call<v1::StartReply>(&Stub::Start, wire::from(request), options_.plan_timeout));
        return reply.operation();
    }

    Result<> cancel(OperationId operation) override {
        v1::CancelRequest request;
        request.set_operation(operation);
        TRY(call<v1::CancelReply>(&Stub::Cancel, request, options_.call_timeout));
        return {};
    }

    Result<Operation> operation(OperationId operation) override {
        v1::GetOperationRequest request;
        request.set_operation(operation);
        const auto reply =
            TRY(call<v1::Operation>(&Stub::GetOperation, request, options_.call_timeout));
        return understood(wire::to_model(reply));
    }

    Result<std::vector<Operation>> operations(int max_count) override {
        v1::ListOperationsRequest request;
        request.set_max_count(max_count);
        const auto reply = TRY(
            call<v1::ListOperationsReply>(&Stub::ListOperations, request, options_.call_timeout));
        std::vector<Operation> operations;
        for (const auto& operation : reply.operations())
            operations.push_back(TRY(understood(wire::to_model(operation))));
        return operations;
    }

    Result<std::vector<std::string>> log(const LogRequest& request) override {
        const auto reply =
            TRY(call<v1::GetLogReply>(&Stub::GetLog, wire::from(request), options_.call_timeout));
        return std::vector<std::string>(reply.lines().begin(), reply.lines().end());
    }

    Result<> follow(const FollowRequest& request, const std::function<bool(const FeedItem&)>& sink,
                    std::stop_token stop) override;

private:
    using Stub = v1::Device::Stub;

    template <typename Reply, typename Wire>
    Result<Reply> call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Wire&, Reply*),
                       const Wire& request, milliseconds timeout) {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + timeout);
        Reply reply;
        const auto status = (stub_.get()->*method)(&context, request, &reply);
        if (!status.ok()) return std::unexpected(error_of(status, context));
        return reply;
    }

    Error error_of(const grpc::Status& status, const grpc::ClientContext& context) const;

    const SocketName name_;  // must outlive the channel
    const std::filesystem::path socket_;
    const RemoteDevice::Options options_;
    const std::unique_ptr<Stub> stub_;
};

// The agent's own words where it sent some; otherwise what gRPC says of the connection.
Error Client::error_of(const grpc::Status& status, const grpc::ClientContext& context) const {
    Error error;
    if (wire::unpack(sent_error(context), error)) return error;
    const auto where = socket_.string();
    const auto code = status.error_code();
    // Calls that we cancel ourselves do not come here: a call is cancelled when the agent ends.
    if (code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::CANCELLED)
        error = make_error(errors::agent_unreachable, fmt::format("no agent answers at {}", where));
    else if (code == grpc::StatusCode::DEADLINE_EXCEEDED)
        error =
            make_error(errors::agent_no_answer, fmt::format("the agent at {} is silent", where));
    else if (code == grpc::StatusCode::UNIMPLEMENTED)
        error = make_error(errors::agent_too_old, "the agent does not know this call");
    else
        error = make_error(errors::agent_protocol, "the agent's answer cannot be used");
    error.set_cause(status.error_message());
    return error;
}

Result<> Client::follow(const FollowRequest& request,
                        const std::function<bool(const FeedItem&)>& sink, std::stop_token stop) {
    grpc::ClientContext context;
    const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
    const auto reader = stub_->Follow(&context, wire::from(request));
    v1::FeedItem item;
    bool wanted = true;
    Result<> result;
    while (wanted && reader->Read(&item)) {
        const auto value = understood(wire::to_model(item));
        if (!value) result = std::unexpected(value.error());
        wanted = value && sink(*value);
    }
    if (!wanted) context.TryCancel();
    const auto status = reader->Finish();
    if (!wanted || stop.stop_requested()) return result;
    if (status.ok())
        return fail(errors::agent_unreachable, "the agent at {} ended the stream",
                    socket_.string());
    return std::unexpected(error_of(status, context));
}

}  // namespace

Result<std::unique_ptr<Device>> RemoteDevice::connect(const std::filesystem::path& socket,
                                                      const Options& options) {
    silence_grpc();
    auto name = SocketName::of(socket);
    if (!name) {
        auto error = make_error(errors::agent_unreachable,
                                fmt::format("no agent answers at {}", socket.string()));
        error.set_cause(name.error().text());
        return std::unexpected(std::move(error));
    }
    return std::make_unique<Client>(*std::move(name), socket, options);
}

}  // namespace cutover
