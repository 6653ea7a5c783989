#include "doors/gnoi/door_context.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "base/utf8.h"
#include "doors/gnoi/errors.h"
#include "doors/outer/account.h"
#include "model/device.h"
#include "model/generation.h"

namespace cutover::gnoi_door {
namespace {

constexpr std::size_t kMaxTextBytes = 2048;

grpc::StatusCode code_of(Errc kind) {
    switch (kind) {
        case Errc::invalid: return grpc::StatusCode::INVALID_ARGUMENT;
        case Errc::not_found: return grpc::StatusCode::NOT_FOUND;
        case Errc::conflict:
        case Errc::refused: return grpc::StatusCode::FAILED_PRECONDITION;
        case Errc::untrusted: return grpc::StatusCode::PERMISSION_DENIED;
        case Errc::corrupt: return grpc::StatusCode::DATA_LOSS;
        case Errc::no_space: return grpc::StatusCode::RESOURCE_EXHAUSTED;
        case Errc::io: return grpc::StatusCode::INTERNAL;
        case Errc::timeout: return grpc::StatusCode::DEADLINE_EXCEEDED;
        case Errc::cancelled: return grpc::StatusCode::CANCELLED;
        case Errc::unsupported: return grpc::StatusCode::UNIMPLEMENTED;
        case Errc::unavailable: return grpc::StatusCode::UNAVAILABLE;
    }
    std::unreachable();
}

}  // namespace

std::string asker(const grpc::ServerContext& call) { return asker_of(call) + " (gnoi)"; }

grpc::Status too_many_streams() {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "there are as many streams as may be"};
}

grpc::Status status_of(const Error& error) {
    const auto code = error.id == errors::gnoi_outside.id ? grpc::StatusCode::PERMISSION_DENIED
                                                          : code_of(error.kind);
    return {code, shown(fmt::format("[{}] {}", error.id, error.text()))};
}

std::string shown(std::string_view text) { return shown_utf8(text, kMaxTextBytes); }

const Generation* running_of(const DeviceState& state) {
    const auto found = std::ranges::find(state.generations, state.marks.running, &Generation::id);
    return found == state.generations.end() ? nullptr : &*found;
}

const SlotStatus* standby_with(const DeviceState& state, std::string_view version) {
    for (const auto& slot : state.slots)
        if (slot.slot != state.active_slot && slot.holds && slot.holds->version.text() == version)
            return &slot;
    return nullptr;
}

}  // namespace cutover::gnoi_door
