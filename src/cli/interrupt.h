#pragma once

#include <memory>
#include <stop_token>

namespace cutover::cli {

// Turns Ctrl-C and SIGTERM into a request to stop, as long as the result lives; afterwards they end
// the process again. A second Ctrl-C ends it at once. One at a time in a process.
std::shared_ptr<void> watch_interrupts(std::stop_source stop);

}  // namespace cutover::cli
