#include "real_agent.h"

#include <algorithm>
#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "agent/agent.h"
#include "agent_life.h"
#include "backends.h"
#include "backends/machine/machine_host.h"
#include "backends/machine/watchdog.h"
#ifdef CUTOVER_BACKEND_SYSTEMD
#include "backends/systemd/notify.h"
#endif
#include "base/error.h"
#include "base/log.h"
#include "model/device_config.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/device_folder.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFeedInterval{std::chrono::seconds(10)};  // at most
constexpr milliseconds kShutdownPatience{std::chrono::seconds(90)};
constexpr milliseconds kShutdownSlack{std::chrono::seconds(10)};

#ifndef CUTOVER_BACKEND_SYSTEMD
void notify_ready() {}
void notify_stopping() {}
void notify_alive() {}
void notify_restarting(milliseconds /*within*/) {}
std::optional<milliseconds> notify_interval() { return std::nullopt; }
#endif

// On trial, a base that cannot feed the watchdog has failed. Otherwise a device without one is
// better than one without an agent.
Result<std::optional<Watchdog>> open_watchdog(const DeviceFolder& folder, const Backends& backends,
                                              Log& log) {
    const auto& config = folder.config;
    if (config.watchdog_device.empty()) return std::optional<Watchdog>();
    auto watchdog = Watchdog::open(folder.path / config.watchdog_device, config.watchdog_timeout);
    if (watchdog) {
        log.info("the hardware watchdog counts",
                 {{"seconds", std::to_string(watchdog->timeout().count() / 1000)}});
        return std::optional(std::move(*watchdog));
    }
    if (backends.booted.reason == BootReason::trial)
        return std::unexpected(std::move(watchdog).error());
    log.error("there is no hardware watchdog", {{"error", watchdog.error().text()}});
    return std::optional<Watchdog>();
}

milliseconds feed_interval(const std::optional<Watchdog>& watchdog) {
    auto interval = kFeedInterval;
    if (watchdog) interval = std::min(interval, watchdog->timeout() / 4);
    if (const auto manager = notify_interval()) interval = std::min(interval, *manager / 4);
    return interval;
}

// Of a base, or of the packages that this boot shows on it.
bool on_trial(const Backends& backends) {
    const auto status = backends.boot->status();
    if (!status || status->trial == status->running) return true;
    const auto startup = backends.layers->startup(status->running);
    return !startup || startup->trial == backends.layers->shown();
}

// Both watchdogs are told that all is well only while the engine's thread says so. A stop that
// somebody asked for ends that in order; anything else leaves the hardware's counting: a restart
// that gets stuck, a crash, and a trial, which must not be left without anybody to judge it.
Result<Agent::End> attend(Agent& agent, std::optional<Watchdog>& watchdog, const Backends& backends,
                          Log& log) {
    notify_ready();
    Result<Agent::End> end = Agent::End::stopped;
    {
        const Feeder feeder(
            {.interval = feed_interval(watchdog),
             .alive = [&] { return agent.alive(); },
             .feed =
                 [&] {
                     if (watchdog) watchdog->feed();
                     notify_alive();
                 },
             .on_hang = [&] { log.error("the engine hangs: the watchdog is fed no more", {}); }});
        end = agent.wait();
    }
    // Not before a restart: systemd sends no SIGTERM to a service that says that it is stopping,
    // and that is what we are going to wait for.
    if (end && *end == Agent::End::stopped) notify_stopping();
    if (!watchdog) return end;
    if (end && *end == Agent::End::stopped && !on_trial(backends)) {
        if (const auto disarmed = watchdog->disarm(); !disarmed)
            log.warning("the watchdog still counts", {{"error", disarmed.error().text()}});
    } else {
        watchdog->feed();  // from now on, all that is left to do has one timeout
    }
    return end;
}

}  // namespace

Result<> run_real_device(const DeviceFolder& folder, Log& log) {
    EndSignals signals;
    const auto backends = TRY(Backends::open(folder, log), "open device {}", folder.path.string());
    log.info("booted", {{"slot", std::string(to_string(backends.booted.slot))},
                        {"reason", std::string(to_string(backends.booted.reason))},
                        {"boot", backends.boot_id}});
    // Before there is an agent, which may commit a trial at once.
    auto watchdog = TRY(open_watchdog(folder, backends, log));
    const auto end = TRY(
        run_agent({.folder = folder.path,
                   .config = folder.config,
                   .boot = *backends.boot,
                   .slots = *backends.slots,
                   .layers = *backends.layers,
                   .services = *backends.services,
                   .host = *backends.host,
                   .log = log},
                  signals, [&](Agent& agent) { return attend(agent, watchdog, backends, log); }));
    if (end == Agent::End::stopped) return {};
    log.info("the machine restarts", {});
    // Who restarts the machine ends its services first, and this is one of them.
    notify_restarting(kShutdownPatience + kShutdownSlack);
    if (!backends.restarts_for_real || signals.wait_for(kShutdownPatience)) return {};
    log.error("nobody has ended this service: the machine restarts at once", {});
    return restart_kernel();
}

}  // namespace cutover
