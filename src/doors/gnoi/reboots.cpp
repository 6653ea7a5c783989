#include "doors/gnoi/reboots.h"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/errors.h"
#include "doors/gnoi/following.h"
#include "gnoi/system/system.pb.h"
#include "model/operation.h"

namespace cutover::gnoi_door {
namespace {

using Status = ::gnoi::system::RebootStatus;
using std::chrono::nanoseconds;

constexpr nanoseconds kLongest = std::chrono::hours(24 * 366);
constexpr int kMaxOperations = 1000;  // more than are kept

std::uint64_t count_of(nanoseconds time) {
    return time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0;
}

}  // namespace

Reboots::Reboots(DoorContext& door)
    : door_(door), thread_([this](const std::stop_token& stop) { work(stop); }) {}

Reboots::~Reboots() = default;

Result<> Reboots::ask(const ::gnoi::system::RebootRequest& request, const std::string& by) {
    if (request.method() != ::gnoi::system::COLD)
        return fail(errors::gnoi_bad_request, "COLD is the only method that there is");
    if (request.subcomponents_size() > 0)
        return fail(errors::gnoi_bad_request, "no component restarts by itself");
    if (request.delay() > count_of(kLongest))
        return fail(errors::gnoi_bad_request, "the delay, in nanoseconds, is more than a year");
    const nanoseconds delay(request.delay());
    const Pending wanted{
        .when = clock_.wall() + std::chrono::duration_cast<WallTime::duration>(delay),
        .due = clock_.steady() + std::chrono::duration_cast<SteadyTime::duration>(delay),
        .reason = shown(request.message()),
        .by = by};
    TRY(claim(wanted));
    door_.log.info("gNOI reboot", {{"reason", wanted.reason}, {"by", by}});
    if (delay > nanoseconds(0)) return {};
    return carry_out(by);
}

Result<> Reboots::claim(const Pending& wanted) {
    const std::lock_guard lock(mutex_);
    if (pending_ || at_work_) return fail(errors::gnoi_reboot_pending, "a reboot is pending");
    failure_.reset();
    if (wanted.due > clock_.steady())
        pending_ = wanted;
    else
        at_work_ = true;
    changed_.notify_all();
    return {};
}

// With at_work_ set.
Result<> Reboots::carry_out(const std::string& by) {
    auto done = until_restart(door_, {.kind = OperationKind::reboot, .asked_by = by});
    const std::lock_guard lock(mutex_);
    at_work_ = false;
    if (!done) failure_ = done.error();
    return done;
}

void Reboots::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        std::string by;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, stop, [&] { return pending_.has_value(); });
            if (!pending_) continue;
            const auto due = pending_->due;
            changed_.wait_until(lock, stop, due, [&] { return !pending_ || pending_->due != due; });
            if (!pending_ || clock_.steady() < pending_->due) continue;
            by = pending_->by;
            pending_.reset();
            at_work_ = true;
        }
        if (const auto done = carry_out(by); !done)
            door_.log.warning("the pending reboot has failed", {{"error", done.error().text()}});
    }
}

void Reboots::tell(::gnoi::system::RebootStatusResponse& reply) {
    int count = 0;
    if (const auto operations = door_.device.operations(kMaxOperations))
        for (const auto& operation : *operations) count += operation.reboots;
    reply.set_count(static_cast<std::uint32_t>(count));
    const std::lock_guard lock(mutex_);
    reply.set_active(pending_ || at_work_);
    if (pending_) {
        reply.set_wait(count_of(pending_->due - clock_.steady()));
        reply.set_when(count_of(pending_->when.time_since_epoch()));
        reply.set_reason(pending_->reason);
    }
    if (pending_ || at_work_) {
        reply.set_method(::gnoi::system::COLD);
        return;
    }
    if (!failure_) return;
    reply.mutable_status()->set_status(Status::STATUS_RETRIABLE_FAILURE);
    reply.mutable_status()->set_message(shown(failure_->text()));
}

void Reboots::cancel() {
    const std::lock_guard lock(mutex_);
    pending_.reset();
    changed_.notify_all();
}

}  // namespace cutover::gnoi_door
