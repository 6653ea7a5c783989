#pragma once

#include <chrono>
#include <optional>

namespace cutover {

// What the service manager is told, where there is one (sd_notify(3)); else nothing happens. These
// wait while it takes nothing more: then PID 1 hangs, and a machine whose watchdog is no longer fed
// because of that restarts, as it should.
void notify_ready();
void notify_stopping();
void notify_alive();

// Within which time the manager wants to be told that we are alive; nothing when it does not care.
std::optional<std::chrono::milliseconds> notify_interval();

}  // namespace cutover
