#include "doors/client/agent_line.h"

#include <chrono>
#include <filesystem>
#include <grpc/grpc.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/status_code_enum.h>

#include "access/errors.h"
#include "base/error.h"
#include "doors/client/errors.h"
#include "doors/client/remote_device.h"
#include "doors/native/socket.h"
#include "doors/native/status.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

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

// Who is not let in gets no more than a text: "[access.role] what; remedy: what to do".
std::string said_at_the_gate(std::string_view text) {
    if (text.starts_with('[') && text.contains("] ")) text.remove_prefix(text.find("] ") + 2);
    return std::string(text.substr(0, text.find("; remedy: ")));
}

}  // namespace

AgentLine::AgentLine(SocketName name, std::filesystem::path socket,
                     const RemoteDevice::Options& options)
    : name_(std::move(name)),
      socket_(std::move(socket)),
      options_(options),
      channel_(open_channel(name_.text(), options.ping_interval)) {}

Error AgentLine::error_of(const grpc::Status& status, const grpc::ClientContext& context) const {
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
    else if (code == grpc::StatusCode::PERMISSION_DENIED)
        return make_error(errors::access_role, said_at_the_gate(status.error_message()));
    else if (code == grpc::StatusCode::UNAUTHENTICATED)
        return make_error(errors::access_unknown, said_at_the_gate(status.error_message()));
    else
        error = make_error(errors::agent_protocol, "the agent's answer cannot be used");
    error.set_cause(status.error_message());
    return error;
}

}  // namespace cutover
