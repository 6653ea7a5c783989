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
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "cutover/v1/device.grpc.pb.h"
#include "cutover/v1/device.pb.h"
#include "doors/client/agent_line.h"
#include "doors/client/errors.h"
#include "doors/client/remote_backups.h"
#include "doors/client/remote_configuration.h"
#include "doors/native/convert.h"
#include "doors/native/socket.h"
#include "model/backups.h"
#include "model/configuration.h"
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

class Client final : public Device {
public:
    Client(SocketName name, std::filesystem::path socket, RemoteDevice::Options options)
        : line_(std::move(name), std::move(socket), options),
          stub_(v1::Device::NewStub(line_.channel())),
          configuration_(line_),
          backups_(line_.channel(), options, [this](const auto& status, const auto& context) {
              return line_.error_of(status, context);
          }) {}

    Backups* backups() override { return &backups_; }

    Result<DeviceState> state() override {
        const auto reply =
            TRY(call(&Stub::GetState, v1::GetStateRequest(), line_.options().call_timeout));
        return understood(wire::to_model(reply));
    }

    Result<Preview> preview(const Request& request) override {
        const auto reply =
            TRY(call(&Stub::Preview, wire::from(request), line_.options().plan_timeout));
        return understood(wire::to_model(reply));
    }

    Result<OperationId> start(const Request& request) override {
        if (request.kind == OperationKind::restore) return backups_.restore(request);
        const auto reply =
            TRY(call(&Stub::Start, wire::from(request), line_.options().plan_timeout));
        return reply.operation();
    }

    Result<> cancel(OperationId operation) override {
        v1::CancelRequest request;
        request.set_operation(operation);
        static_cast<void>(TRY(call(&Stub::Cancel, request, line_.options().call_timeout)));
        return {};
    }

    Result<Operation> operation(OperationId operation) override {
        v1::GetOperationRequest request;
        request.set_operation(operation);
        const auto reply = TRY(call(&Stub::GetOperation, request, line_.options().call_timeout));
        return understood(wire::to_model(reply));
    }

    Result<std::vector<Operation>> operations(int max_count) override {
        v1::ListOperationsRequest request;
        request.set_max_count(max_count);
        const auto reply = TRY(call(&Stub::ListOperations, request, line_.options().call_timeout));
        std::vector<Operation> operations;
        for (const auto& operation : reply.operations())
            operations.push_back(TRY(understood(wire::to_model(operation))));
        return operations;
    }

    Result<std::vector<std::string>> log(const LogRequest& request) override {
        const auto reply =
            TRY(call(&Stub::GetLog, wire::from(request), line_.options().call_timeout));
        return std::vector<std::string>(reply.lines().begin(), reply.lines().end());
    }

    Result<> follow(const FollowRequest& request, const std::function<bool(const FeedItem&)>& sink,
                    std::stop_token stop) override;

    Configuration* configuration() override { return &configuration_; }

private:
    using Stub = v1::Device::Stub;

    template <typename Wire, typename Reply>
    Result<Reply> call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Wire&, Reply*),
                       const Wire& request, milliseconds timeout) {
        return line_.call(*stub_, method, request, timeout);
    }

    const AgentLine line_;
    const std::unique_ptr<Stub> stub_;
    RemoteConfiguration configuration_;
    RemoteBackups backups_;
};

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
                    line_.socket().string());
    return std::unexpected(line_.error_of(status, context));
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
