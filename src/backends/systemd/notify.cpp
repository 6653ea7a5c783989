#include "backends/systemd/notify.h"

#include <chrono>
#include <cstdint>
#include <optional>

#include <systemd/sd-daemon.h>

namespace cutover {

// Nothing can be done about a manager that cannot be told.
void notify_ready() { (void)sd_notify(0, "READY=1"); }
void notify_stopping() { (void)sd_notify(0, "STOPPING=1"); }
void notify_alive() { (void)sd_notify(0, "WATCHDOG=1"); }

std::optional<std::chrono::milliseconds> notify_interval() {
    std::uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
    return std::chrono::milliseconds(microseconds / 1000);
}

}  // namespace cutover
