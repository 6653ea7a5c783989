#include "doors/native/device_service.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>

#include <fmt/core.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cutover/v1/device.pb.h"
#include "doors/native/answer.h"
#include "doors/native/convert.h"
#include "doors/native/errors.h"
#include "doors/native/follower_queue.h"
#include "doors/outer/account.h"
#include "doors/outer/errors.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr int kMaxOperations = 1000;
constexpr milliseconds kLookAround{100};  // how soon a follower sees that its reader is gone
constexpr milliseconds kRestTimeout{30'000};

}  // namespace

// Without an account of who may do what, nobody has a name.
std::string DeviceService::asker(const grpc::ServerContext& call) const {
    return options_.access != nullptr ? asker_of(call) : "local";
}

grpc::Status DeviceService::GetState(grpc::ServerContext* context,
                                     const v1::GetStateRequest* /*request*/,
                                     v1::DeviceState* reply) {
    return answer(*context, device_.state(),
                  [&](const DeviceState& state) { *reply = wire::from(state); });
}

grpc::Status DeviceService::Preview(grpc::ServerContext* context, const v1::Request* request,
                                    v1::PreviewReply* reply) {
    auto wanted = wire::to_model(*request);
    if (!wanted) return answer(*context, wanted.error());
    wanted->asked_by = asker(*context);
    return answer(*context, device_.preview(*wanted),
                  [&](const auto& preview) { *reply = wire::from(preview); });
}

grpc::Status DeviceService::Start(grpc::ServerContext* context, const v1::Request* request,
                                  v1::StartReply* reply) {
    auto wanted = wire::to_model(*request);
    if (!wanted) return answer(*context, wanted.error());
    if (wanted->kind == OperationKind::restore)
        return answer(*context, make_error(errors::door_bad_request,
                                           "a restore is asked for by Backups.Restore"));
    wanted->asked_by = asker(*context);
    return answer(*context, device_.start(*wanted),
                  [&](OperationId operation) { reply->set_operation(operation); });
}

grpc::Status DeviceService::Cancel(grpc::ServerContext* context, const v1::CancelRequest* request,
                                   v1::CancelReply* /*reply*/) {
    return answer(*context, device_.cancel(request->operation()));
}

grpc::Status DeviceService::GetOperation(grpc::ServerContext* context,
                                         const v1::GetOperationRequest* request,
                                         v1::Operation* reply) {
    return answer(*context, device_.operation(request->operation()),
                  [&](const auto& operation) { *reply = wire::from(operation); });
}

grpc::Status DeviceService::ListOperations(grpc::ServerContext* context,
                                           const v1::ListOperationsRequest* request,
                                           v1::ListOperationsReply* reply) {
    const auto max_count = std::clamp(request->max_count(), 0, kMaxOperations);
    return answer(*context, device_.operations(max_count), [&](const auto& operations) {
        for (const auto& operation : operations) *reply->add_operations() = wire::from(operation);
    });
}

grpc::Status DeviceService::GetLog(grpc::ServerContext* context, const v1::GetLogRequest* request,
                                   v1::GetLogReply* reply) {
    const auto wanted = wire::to_model(*request);
    if (!wanted) return answer(*context, wanted.error());
    return answer(*context, device_.log(*wanted), [&](const auto& lines) {
        for (const auto& line : lines) reply->add_lines(valid_utf8(line));
    });
}

grpc::Status DeviceService::Follow(grpc::ServerContext* context, const v1::FollowRequest* request,
                                   grpc::ServerWriter<v1::FeedItem>* writer) {
    if (followers_.fetch_add(1) >= options_.max_followers) {
        followers_.fetch_sub(1);
        return answer(*context,
                      make_error(errors::door_too_many_followers,
                                 fmt::format("{} clients follow already", options_.max_followers)));
    }
    auto status = feed(*context, wire::to_model(*request), *writer);
    followers_.fetch_sub(1);
    return status;
}

grpc::Status DeviceService::feed(grpc::ServerContext& context, const FollowRequest& request,
                                 grpc::ServerWriter<v1::FeedItem>& writer) {
    FollowerQueue queue(
        {.max_events = options_.max_queued_events, .patience = options_.follower_patience});
    std::int64_t last = request.after_sequence;
    Result<> followed;
    std::stop_source gone;
    std::jthread feeder([&] {
        followed = device_.follow(
            request, [&](const FeedItem& item) { return queue.push(item); }, gone.get_token());
        queue.close();
        // Whoever does not even read the rest holds no thread for ever.
        if (!queue.wait_until_abandoned(kRestTimeout)) context.TryCancel();
    });
    const auto ending = ending_.get_token();
    bool reads = true;
    while (reads && !ending.stop_requested() && !context.IsCancelled()) {
        auto taken = queue.take(kLookAround);
        if (taken.ended) break;
        if (!taken.item) continue;
        reads = writer.Write(wire::from(*taken.item));
        if (const auto* event = std::get_if<Event>(&*taken.item)) last = event->sequence;
    }
    queue.abandon();
    gone.request_stop();
    feeder.join();
    if (queue.overflowed())
        return answer(context, make_error(errors::door_follower_too_slow,
                                          fmt::format("resume after event {}", last)));
    if (ending.stop_requested())
        return answer(context, make_error(errors::door_closing, "the agent is ending"));
    return followed ? grpc::Status::OK : answer(context, followed.error());
}

}  // namespace cutover
