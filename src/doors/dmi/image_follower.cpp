#include "doors/dmi/image_follower.h"

#include <chrono>
#include <string>
#include <variant>

#include <grpcpp/support/status.h>

#include "base/error.h"
#include "base/utf8.h"
#include "dmi/sw_image.pb.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/image_status.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookAround{100};
constexpr std::chrono::seconds kSameState{1};  // how often a state's description changes
constexpr std::chrono::seconds kStillAlive{3};

grpc::Status away(const std::string& why) {
    return {grpc::StatusCode::UNAVAILABLE, shown_utf8(why, 1024)};
}

}  // namespace

grpc::Status ImageFollower::tell(const Reader& reader) {
    const auto ending = door_.ending.get_token();
    for (;;) {
        const auto operation = door_.device.operation(operation_);
        if (!operation) return away(operation.error().text());
        const auto status = dmi_wire::image_status(*operation, progress_ ? &*progress_ : nullptr);
        if (!status) return away("the operation concerns no image");
        if (!send(reader, *status)) return {grpc::StatusCode::CANCELLED, "nobody reads"};
        if (is_over(operation->state)) return grpc::Status::OK;
        if (ending.stop_requested())
            return away("the agent ends or the device restarts: the operation goes on by itself");
        if (reader.gone()) return {grpc::StatusCode::CANCELLED, "the client is gone"};
        wait();
    }
}

// False when nobody reads.
bool ImageFollower::send(const Reader& reader, const ::dmi::ImageStatus& status) {
    const auto now = steady_clock::now();
    const bool other =
        !begun_ || status.state() != last_.state() || dmi_wire::is_terminal(status.state());
    const bool changed = status.description() != last_.description() && now - sent_ >= kSameState;
    if (!other && !changed && now - sent_ < kStillAlive) return true;
    const auto last = begun_ ? last_.state() : ::dmi::ImageStatus::UNDEFINED_STATE;
    for (const auto& each : dmi_wire::with_passed_states(last, status))
        if (!reader.write(each)) return false;
    begun_ = true;
    last_ = status;
    sent_ = now;
    return true;
}

void ImageFollower::wait() {
    auto item = news_->take(kLookAround);
    while (item) {
        const auto* const progress = std::get_if<Progress>(&*item);
        if (progress && progress->operation == operation_) progress_ = *progress;
        item = news_->take(std::chrono::milliseconds(0));
    }
}

}  // namespace cutover
