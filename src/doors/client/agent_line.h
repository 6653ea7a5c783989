#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <memory>
#include <utility>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "doors/client/errors.h"
#include "doors/client/remote_device.h"
#include "doors/native/errors.h"
#include "doors/native/socket.h"
#include "doors/native/status.h"

namespace cutover {

// The connection to an agent, and what all calls over it have in common.
class AgentLine {
public:
    AgentLine(SocketName name, std::filesystem::path socket, const RemoteDevice::Options& options);

    const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
    const std::filesystem::path& socket() const { return socket_; }
    const RemoteDevice::Options& options() const { return options_; }

    template <typename Stub, typename Request, typename Reply>
    Result<Reply> call(Stub& stub,
                       grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                       const Request& request, std::chrono::milliseconds timeout) const {
        if (const auto bytes = request.ByteSizeLong(); bytes > wire::kMaxMessageBytes)
            return fail(errors::door_too_large, "the request has {} bytes", bytes);
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + timeout);
        Reply reply;
        const auto status = (stub.*method)(&context, request, &reply);
        if (!status.ok()) return std::unexpected(error_of(status, context));
        return reply;
    }

    // The agent's own words where it sent some; otherwise what gRPC says of the connection.
    Error error_of(const grpc::Status& status, const grpc::ClientContext& context) const;

private:
    const SocketName name_;  // must outlive the channel
    const std::filesystem::path socket_;
    const RemoteDevice::Options options_;
    const std::shared_ptr<grpc::Channel> channel_;
};

// What the agent does not understand in a request is a fault of the request; the same in an answer
// is a newer agent.
template <typename Value>
Result<Value> understood(Result<Value> value) {
    if (value) return value;
    auto error = make_error(errors::door_bad_reply, "understand the agent's answer");
    error.set_cause(value.error().text());
    return std::unexpected(std::move(error));
}

}  // namespace cutover
