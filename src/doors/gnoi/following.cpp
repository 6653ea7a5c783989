#include "doors/gnoi/following.h"

#include <chrono>
#include <expected>
#include <thread>

#include <fmt/core.h>

#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "model/operation.h"

namespace cutover::gnoi_door {
namespace {

constexpr std::chrono::milliseconds kLookAround{20};

}  // namespace

Error failure_of(const Operation& operation) {
    if (operation.error) return *operation.error;
    return make_error(Errc::cancelled,
                      fmt::format("{} is {}", operation.title, to_string(operation.state)));
}

Result<Operation> until_over(DoorContext& door, OperationId id) {
    for (;;) {
        auto operation = TRY(door.device.operation(id));
        if (is_over(operation.state)) return operation;
        if (door.ending.stop_requested())
            return fail(Errc::unavailable, "the agent ends; the operation is taken up after that");
        std::this_thread::sleep_for(kLookAround);
    }
}

Result<> until_restart(DoorContext& door, const Request& request) {
    const auto id = TRY(door.device.start(request));
    for (;;) {
        const bool ending = door.ending.stop_requested();  // what is seen next is its last state
        const auto operation = TRY(door.device.operation(id));
        if (operation.state == OperationState::done) return {};
        if (is_over(operation.state)) return std::unexpected(failure_of(operation));
        const bool restarts =
            operation.state == OperationState::running && operation.stage == kStages.back();
        if (ending && restarts) return {};
        if (ending) return fail(Errc::unavailable, "the agent ends before the device restarts");
        std::this_thread::sleep_for(kLookAround);
    }
}

}  // namespace cutover::gnoi_door
