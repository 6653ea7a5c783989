#pragma once

#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "model/operation.h"

namespace cutover::gnoi_door {

// Waits for its end; `unavailable` when the door closes before.
Result<Operation> until_over(DoorContext& door, OperationId id);

// Starts an operation that restarts the device, and returns when the device is about to go down: a
// reply that is sent then still arrives. Also when it is over and well; otherwise with its error.
Result<> until_restart(DoorContext& door, const Request& request);

// Why it ended otherwise than done.
Error failure_of(const Operation& operation);

}  // namespace cutover::gnoi_door
