// gnoi.system.Ping: what a client asks, within bounds, and what it is told.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/errors.h"
#include "doors/gnoi/ping.h"
#include "doors/gnoi/system_service.h"
#include "gnoi/system/system.pb.h"
#include "gnoi/types/types.pb.h"

namespace cutover::gnoi_door {
namespace {

using std::chrono::nanoseconds;

constexpr int kMaxCount = 1000;
constexpr nanoseconds kShortestInterval = std::chrono::milliseconds(10);
constexpr nanoseconds kLongestInterval = std::chrono::minutes(1);
constexpr int kMaxBytes = 65'507;  // what is left of an IPv4 packet
constexpr std::size_t kMaxNameBytes = 255;

Result<PingFamily> family_of(::gnoi::types::L3Protocol protocol) {
    if (protocol == ::gnoi::types::UNSPECIFIED) return PingFamily::any;
    if (protocol == ::gnoi::types::IPV4) return PingFamily::ipv4;
    if (protocol == ::gnoi::types::IPV6) return PingFamily::ipv6;
    return fail(errors::gnoi_bad_request, "l3protocol {}", static_cast<int>(protocol));
}

bool is_name(const std::string& text) {
    return text.size() <= kMaxNameBytes && text.find('\0') == std::string::npos;
}

Result<PingWish> wish_of(const ::gnoi::system::PingRequest& request) {
    if (request.destination().empty() || !is_name(request.destination()) ||
        !is_name(request.source()))
        return fail(errors::gnoi_bad_request, "`destination` is a name or an address");
    if (!request.network_instance().empty())
        return fail(errors::gnoi_bad_request, "there are no network instances");
    if (request.count() < 0 || request.count() > kMaxCount)
        return fail(errors::gnoi_bad_request, "`count` is from 1 to {}, or 0 for 5", kMaxCount);
    if (request.interval() < 0)
        return fail(errors::gnoi_bad_request,
                    "there is no flood of requests: `interval` is not "
                    "negative");
    const nanoseconds interval(request.interval());
    if (interval.count() > 0 && (interval < kShortestInterval || interval > kLongestInterval))
        return fail(errors::gnoi_bad_request, "`interval` is from 10 ms to 1 min, in nanoseconds");
    const nanoseconds wait(request.wait());
    if (wait.count() < 0 || wait > kLongestInterval)
        return fail(errors::gnoi_bad_request, "`wait` is at most 1 min, in nanoseconds");
    if (request.size() < 0 || request.size() > kMaxBytes)
        return fail(errors::gnoi_bad_request, "`size` is at most {} bytes", kMaxBytes);
    PingWish wish{.destination = request.destination(),
                  .source = request.source(),
                  .whole = request.do_not_fragment()};
    wish.family = TRY(family_of(request.l3protocol()));
    if (request.count() > 0) wish.count = request.count();
    if (interval.count() > 0) wish.interval = interval;
    if (wait.count() > 0) wish.wait = wait;
    if (request.size() > 0) wish.bytes = static_cast<std::size_t>(request.size());
    return wish;
}

::gnoi::system::PingResponse message_of(const PingAnswer& answer) {
    ::gnoi::system::PingResponse message;
    message.set_source(answer.source);
    message.set_time(answer.time.count());
    message.set_bytes(static_cast<std::int32_t>(answer.bytes));
    message.set_sequence(answer.sequence);
    message.set_ttl(answer.ttl);
    return message;
}

// Clients know it by its lack of `bytes`.
::gnoi::system::PingResponse message_of(const PingSummary& summary) {
    ::gnoi::system::PingResponse message;
    message.set_source(summary.source);
    message.set_time(summary.took.count());
    message.set_sent(summary.sent);
    message.set_received(summary.received);
    message.set_min_time(summary.least.count());
    message.set_avg_time(summary.mean.count());
    message.set_max_time(summary.most.count());
    message.set_std_dev(summary.deviation.count());
    return message;
}

}  // namespace

grpc::Status SystemService::Ping(grpc::ServerContext* call,
                                 const ::gnoi::system::PingRequest* request,
                                 grpc::ServerWriter<::gnoi::system::PingResponse>* writer) {
    const StreamPlace place(door_);
    if (!place) return too_many_streams();
    const auto wish = wish_of(*request);
    if (!wish) return status_of(wish.error());
    const auto summary = ping(
        *wish, [&](const PingAnswer& answer) { return writer->Write(message_of(answer)); },
        [&] { return call->IsCancelled() || door_.ending.stop_requested(); });
    if (!summary) return status_of(summary.error());
    writer->Write(message_of(*summary));
    return grpc::Status::OK;
}

}  // namespace cutover::gnoi_door
