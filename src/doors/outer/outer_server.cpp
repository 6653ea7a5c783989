#include "doors/outer/outer_server.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/server_interceptor.h>

#include "access/access.h"
#include "base/error.h"
#include "base/log.h"
#include "doors/outer/account.h"
#include "doors/outer/connections.h"
#include "doors/outer/credentials.h"
#include "doors/outer/errors.h"
#include "doors/outer/gate.h"
#include "doors/outer/listener.h"
#include "doors/outer/tls_files.h"
#include "model/security_config.h"

namespace cutover {

// Destroyed from the last member up: who is connected, the server, then what it asks.
struct OuterServer::Running {
    Running(Options wanted, Access* access, std::unique_ptr<TlsFiles> files)
        : options(std::move(wanted)),
          tls(std::move(files)),
          gate(access, tls ? std::nullopt : options.plaintext) {}

    Options options;
    std::unique_ptr<TlsFiles> tls;  // null: no encryption
    Gate gate;
    std::vector<std::unique_ptr<Seat>> seats;
    std::unique_ptr<grpc::Server> server;
    std::string address;
    std::unique_ptr<Connections> connections;
};

namespace {

constexpr int kMaxMessageBytes = 16 * 1024 * 1024;
// Of what is on its way: three of the largest messages. Streams above it are ended as
// RESOURCE_EXHAUSTED, but not at once: a flood has been seen to reach 120 MiB more.
constexpr std::size_t kMaxMemory = std::size_t{48} * 1024 * 1024;
constexpr int kKeepaliveMs = 30'000;         // a client that was stopped is found out
constexpr int kKeepaliveTimeoutMs = 20'000;  // and is cut off after that
constexpr int kClientPingsMs = 1'000;        // clients may ask that often whether we live

// gRPC tells standard error of every handshake that fails: whoever connects could fill the log.
void bound_what_grpc_says() {
    static std::atomic<std::time_t> minute = 0;
    static std::atomic<int> lines = 0;
    constexpr int kMaxLines = 10;                          // in a minute
    if (std::getenv("GRPC_VERBOSITY") != nullptr) return;  // NOLINT(concurrency-mt-unsafe): reads
    gpr_set_log_function([](gpr_log_func_args* line) {
        const auto now = std::time(nullptr) / 60;
        if (minute.exchange(now) != now) lines = 0;
        if (line->severity == GPR_LOG_SEVERITY_ERROR && lines.fetch_add(1) < kMaxLines)
            fmt::print(stderr, "gRPC: {}\n", line->message);
    });
}

int whole(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

void set_limits(grpc::ServerBuilder& builder, const OuterServer::Options& options) {
    const auto& limits = options.limits;
    grpc::ResourceQuota quota("cutover-" + options.name);
    quota.SetMaxThreads(limits.max_threads);
    quota.Resize(kMaxMemory);
    builder.SetResourceQuota(quota);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.SetMaxSendMessageSize(kMaxMessageBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, limits.max_metadata_bytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_streams_per_connection);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, whole(limits.handshake));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               kClientPingsMs);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);  // none is counted
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

// Linking gRPC's reflection gives it to every server of the process.
class Reflection final : public grpc::ServerBuilderOption {
public:
    explicit Reflection(bool wanted) : wanted_(wanted) {}

    void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
    void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
        auto own = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
        std::erase_if(*plugins, [&](const auto& each) { return each->name() == own->name(); });
        if (wanted_) plugins->push_back(std::move(own));
    }

private:
    const bool wanted_;
};

void set_accounts(grpc::ServerBuilder& builder, const Gate& gate, Access* access) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
    creators.push_back(make_accounts(gate, access));
    builder.experimental().SetInterceptorCreators(std::move(creators));
}

}  // namespace

Result<std::unique_ptr<OuterServer>> OuterServer::listen(
    const std::string& listen, Options options, const std::vector<grpc::Service*>& services,
    Access& access, Log& log) {
    const bool socket = is_unix_socket(listen);
    if (socket) options.plaintext.reset();
    if (!socket && options.security.certificate.empty() && !options.plaintext)
        return fail(errors::door_plaintext, "[doors.{}] listen = \"{}\"", options.name, listen);
    // Where other users have roles they must reach the socket; what they may is asked at each call.
    const mode_t mode = options.security.local.empty() ? 0600 : 0666;
    auto listener = TRY(listen_at(listen, options.folder, mode));
    std::unique_ptr<TlsFiles> tls;
    if (!socket && !options.security.certificate.empty())
        tls = TRY(TlsFiles::load(options.folder, options.security, log));
    return start(std::move(listener),
                 std::make_unique<Running>(std::move(options), &access, std::move(tls)), services,
                 &access);
}

Result<std::unique_ptr<OuterServer>> OuterServer::serve(Listener listener, const Options& options,
                                                        const std::vector<grpc::Service*>& services,
                                                        Access* access) {
    return start(std::move(listener), std::make_unique<Running>(options, access, nullptr), services,
                 access);
}

Result<std::unique_ptr<OuterServer>> OuterServer::start(Listener listener,
                                                        std::unique_ptr<Running> running,
                                                        const std::vector<grpc::Service*>& services,
                                                        Access* access) {
    const auto& options = running->options;
    bound_what_grpc_says();
    grpc::ServerBuilder builder;
    builder.SetOption(std::make_unique<Reflection>(options.reflection));
    set_limits(builder, options);
    set_accounts(builder, running->gate, access);
    using Kind = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    for (int i = 0; i < options.limits.max_connections; ++i) {
        auto& seat = *running->seats.emplace_back(std::make_unique<Seat>());
        seat.acceptor = builder.experimental().AddExternalConnectionAcceptor(
            Kind::FROM_FD, credentials_of(seat.place, running->gate, running->tls.get(),
                                          options.security.client_certificates));
    }
    for (auto* const service : services) builder.RegisterService(service);
    running->server = builder.BuildAndStart();
    if (!running->server)
        return fail(errors::door_address, "{}: the server does not start", listener.address);
    running->address = listener.address;
    running->connections =
        std::make_unique<Connections>(std::move(listener), running->seats, running->gate,
                                      Connections::Options{.patience = options.limits.first_call});
    return std::unique_ptr<OuterServer>(new OuterServer(std::move(running)));
}

OuterServer::OuterServer(std::unique_ptr<Running> running) : running_(std::move(running)) {}

void OuterServer::close() { running_->connections.reset(); }

OuterServer::~OuterServer() {
    close();
    running_->gate.close();
    running_->server->Shutdown(std::chrono::system_clock::now() +
                               running_->options.limits.shutdown);
    running_->server->Wait();
}

const std::string& OuterServer::address() const { return running_->address; }

}  // namespace cutover
