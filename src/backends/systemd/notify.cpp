#include "backends/systemd/notify.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <systemd/sd-daemon.h>

namespace cutover {

// Nothing can be done about a manager that cannot be told.
void notify_ready() { (void)sd_notify(0, "READY=1"); }
void notify_stopping() { (void)sd_notify(0, "STOPPING=1"); }
void notify_alive() { (void)sd_notify(0, "WATCHDOG=1"); }

// A line's end would begin another assignment.
void notify_status(const std::string& text) {
    auto line = "STATUS=" + text;
    std::ranges::replace(line, '\n', ' ');
    (void)sd_notify(0, line.c_str());
}

void notify_restarting(std::chrono::milliseconds within) {
    notify_status("the machine restarts");
    if (!notify_interval()) return;  // or we would turn it on
    const auto microseconds = std::chrono::microseconds(within).count();
    (void)sd_notify(0, ("WATCHDOG_USEC=" + std::to_string(microseconds)).c_str());
}

std::optional<std::chrono::milliseconds> notify_interval() {
    std::uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
    return std::chrono::milliseconds(microseconds / 1000);
}

}  // namespace cutover
