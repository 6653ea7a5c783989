#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace cutover {

// What the service manager is told, where there is one (sd_notify(3)); else nothing happens. These
// wait while it takes nothing more: then PID 1 hangs, and a machine whose watchdog is no longer fed
// because of that restarts, as it should.
void notify_ready();
void notify_stopping();
void notify_alive();
void notify_status(const std::string& text);  // what `systemctl status` shows, one line
// The machine restarts within that time, and until then we say nothing more: the manager's
// watchdog, where there is one, waits for so long.
void notify_restarting(std::chrono::milliseconds within);

// Within which time the manager wants to be told that we are alive; nothing when it does not care.
std::optional<std::chrono::milliseconds> notify_interval();

}  // namespace cutover
