#include "doors/outer/account.h"

#include <cstddef>
#include <cstdint>
#include <grpc/grpc_security.h>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <google/protobuf/message.h>
#include <google/protobuf/message_lite.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/interceptor.h>
#include <grpcpp/support/server_interceptor.h>

#include "access/access.h"
#include "access/caller.h"
#include "base/utf8.h"
#include "doors/outer/gate.h"
#include "doors/outer/outcome.h"

namespace cutover {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

// What a handler finds in the metadata of a call.
constexpr const char* kAsker = "cutover-asker";
constexpr const char* kUser = "username";
constexpr std::size_t kMaxAskerBytes = 128;

const google::protobuf::Message* message_at(const void* message) {
    // What handlers of generated services give to gRPC.
    const auto* const lite = static_cast<const google::protobuf::MessageLite*>(message);
    return dynamic_cast<const google::protobuf::Message*>(lite);
}

// Errors of these tell which value was wrong, and it may be a secret.
bool tells_values(std::string_view method) {
    return method.starts_with("/cutover.v1.Configuration/");
}

// Goes with one call. Its hooks may be called by two threads, where a stream is read and written.
class Account final : public grpc::experimental::Interceptor {
public:
    Account(ServerRpcInfo& call, const Gate& gate, Access* access)
        : call_(call), gate_(gate), access_(access) {}

    // Of a call whose end nobody was told.
    ~Account() override { write({.result = "cancelled", .detail = {}}); }
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    void Intercept(InterceptorBatchMethods* methods) override {
        using enum InterceptionHookPoints;
        if (methods->QueryInterceptionHookPoint(POST_RECV_INITIAL_METADATA)) begin(*methods);
        if (methods->QueryInterceptionHookPoint(POST_RECV_MESSAGE))
            asked(methods->GetRecvMessage());
        if (methods->QueryInterceptionHookPoint(PRE_SEND_MESSAGE)) told(methods->GetSendMessage());
        if (methods->QueryInterceptionHookPoint(PRE_SEND_STATUS)) ended(methods->GetSendStatus());
        methods->Proceed();
    }

private:
    void begin(InterceptorBatchMethods& methods) {
        auto& metadata = *methods.GetRecvInitialMetadata();
        std::string user;
        if (const auto found = metadata.find(kUser); found != metadata.end())
            user.assign(found->second.data(), found->second.size());
        metadata.erase(kUser);
        metadata.erase(kAsker);
        auto* const connection = grpc_call_auth_context(
            static_cast<grpc::ServerContext*>(call_.server_context())->c_call());
        auto caller = gate_.caller(connection, user);
        grpc_auth_context_release(connection);
        if (!caller) {  // the connection is gone
            call_.server_context()->TryCancel();
            return;
        }
        asker_ = fmt::format("{}@{}", caller->name, caller->from);
        metadata.emplace(kAsker, asker_);
        const std::scoped_lock lock(mutex_);
        caller_ = std::move(caller);
    }

    // Before the handler sees the first message, and so before anything is done.
    void asked(const void* request) {
        const std::scoped_lock lock(mutex_);
        if (request == nullptr || !subject_.empty() || !caller_) return;
        if (const auto* const message = message_at(request)) subject_ = subject_of(*message);
        if (access_ == nullptr || std::exchange(asked_, true)) return;
        begun_ = access_->record_begun(*caller_, call_.method(), subject_);
    }

    void told(const void* reply) {
        if (reply == nullptr) return;
        const auto* const message = message_at(reply);
        if (message == nullptr) return;
        auto outcome = outcome_in(*message);
        const std::scoped_lock lock(mutex_);
        in_reply_ = std::move(outcome);
    }

    void ended(const grpc::Status& status) {
        Outcome outcome;
        {
            const std::scoped_lock lock(mutex_);
            outcome = in_reply_;
        }
        if (!status.ok()) outcome = outcome_of(status);
        if (tells_values(call_.method()) && !status.ok()) outcome.detail.clear();
        write(outcome);
    }

    void write(const Outcome& outcome) {
        std::optional<Caller> caller;
        std::string detail;
        std::uint64_t begun = 0;
        {
            const std::scoped_lock lock(mutex_);
            caller = std::exchange(caller_, std::nullopt);
            detail = subject_;
            begun = begun_;
        }
        if (!caller || access_ == nullptr) return;
        if (!detail.empty() && !outcome.detail.empty()) detail += ": ";
        detail += outcome.detail;
        access_->record(*caller, call_.method(), outcome.result, detail, begun);
    }

    ServerRpcInfo& call_;
    const Gate& gate_;
    Access* const access_;
    std::string asker_;  // the metadata point at it
    std::mutex mutex_;
    std::optional<Caller> caller_;  // none after the end
    std::string subject_;
    bool asked_ = false;
    std::uint64_t begun_ = 0;  // what the audit log calls its beginning
    Outcome in_reply_;
};

class Accounts final : public grpc::experimental::ServerInterceptorFactoryInterface {
public:
    Accounts(const Gate& gate, Access* access) : gate_(gate), access_(access) {}

    grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* call) override {
        return std::make_unique<Account>(*call, gate_, access_).release();  // gRPC's
    }

private:
    const Gate& gate_;
    Access* const access_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> make_accounts(
    const Gate& gate, Access* access) {
    return std::make_unique<Accounts>(gate, access);
}

std::string asker_of(const grpc::ServerContext& call) {
    const auto& metadata = call.client_metadata();
    const auto found = metadata.find(kAsker);
    const auto text = found == metadata.end()
                          ? call.peer()
                          : std::string(found->second.data(), found->second.size());
    return shown_utf8(text, kMaxAskerBytes);
}

}  // namespace cutover
