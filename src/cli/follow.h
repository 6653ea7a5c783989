#pragma once

#include <chrono>
#include <cstdint>

#include "base/error.h"
#include "cli/operation_view.h"
#include "cli/session.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover::cli {

struct FollowOptions {
    OperationId operation = 0;
    std::int64_t after_sequence = 0;       // events up to this one were seen already
    std::chrono::milliseconds timeout{0};  // 0: until it is over
    bool until_trial = false;  // a trial that waits for a commit ends the following, too
};

// Shows the operation until it is over, over restarts of the device. Returns how it stands at the
// end, or cli.waiting_ended when the timeout or Ctrl-C came first: the operation goes on then. The
// agent not answering for a quarter of an hour is an error.
Result<Operation> follow_operation(Session& session, OperationView& view,
                                   const FollowOptions& options);

// Prints events until Ctrl-C, over restarts of the device.
Result<> follow_events(Session& session, const FollowRequest& request);
// Prints those that are kept already.
Result<> print_events(Session& session, const FollowRequest& request, std::int64_t last);

}  // namespace cutover::cli
