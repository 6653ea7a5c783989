// Packages whose hardware comes and goes: they are on the device all the time, and their services
// run while it is there. That is no operation, for nothing of the software changes.

#include <algorithm>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "engine/stack.h"
#include "model/device.h"
#include "model/event.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/boot_control.h"
#include "platform/host.h"
#include "platform/services.h"

namespace cutover {
namespace {

constexpr auto kHardwareAlarm = "hardware-services";

using Ids = std::vector<std::string>;

bool has(const Ids& ids, const std::string& id) { return std::ranges::find(ids, id) != ids.end(); }

Ids without(Ids ids, const Ids& others) {
    std::erase_if(ids, [&](const std::string& id) { return has(others, id); });
    return ids;
}

bool any_is_up(const std::vector<ServiceSpec>& services, const std::vector<ServiceStatus>& rows) {
    return std::ranges::any_of(services, [&](const ServiceSpec& service) {
        return std::ranges::find(rows, service.name, &ServiceStatus::name) != rows.end();
    });
}

}  // namespace

// The boot has started services for the hardware of its own time, and an agent before this one may
// have changed that: what runs tells which hardware it is for. What has changed since is then seen
// by the first look.
std::vector<std::string> Engine::served_hardware() const {
    const auto own = ports_.host.hardware();
    auto now = hardware_present(ports_.host);
    if (!now)
        ports_.log.warning("present hardware cannot be told", {{"error", now.error().text()}});
    auto served = now ? *std::move(now) : own;
    const auto boot = ports_.boot.status();
    if (!boot) return served;
    const auto stack = whole_stack(ports_, boot->running, ports_.layers.shown());
    if (!stack) return served;  // what needs it says so
    for (const auto& package : *stack) {
        const auto& services = package.manifest.services;
        if (services.empty()) continue;
        const auto awaited = waits_for(package, *stack, own);
        if (awaited.empty()) continue;
        const bool up = any_is_up(services, ports_.services.status());
        if (!up) served = without(std::move(served), awaited);
        if (up && !waits_for(package, *stack, served).empty()) served.push_back(awaited.front());
    }
    return served;
}

Result<bool> Engine::look_at_hardware() {
    auto now = hardware_present(ports_.host);
    if (!now || *now == ports_.present) return false;  // a bus that is silent takes nothing away
    const auto come = without(*now, ports_.present);
    const auto gone = without(ports_.present, *now);
    const auto before = running_stack(ports_);
    ports_.present = *std::move(now);
    if (come.empty() && gone.empty()) return false;
    const auto after = running_stack(ports_);
    if (!before || !after) return false;

    const auto actions = service_actions(*before, *after);
    alive();
    const auto changed = ports_.services.change(actions, stop_);
    std::vector<Note> notes;
    if (!gone.empty()) notes.push_back({"hardware.left", fmt::format("{}", fmt::join(gone, ", "))});
    if (!come.empty())
        notes.push_back({"hardware.appeared", fmt::format("{}", fmt::join(come, ", "))});
    if (!actions.empty()) notes.push_back({"services.changed", in_words(actions)});
    if (!changed) notes.push_back({"alarm.raised", kHardwareAlarm});
    TRY(save(
        [&] {
            const auto when = ports_.clock.wall();
            if (changed) return ports_.store.clear_alarm(kHardwareAlarm, when);
            return ports_.store.raise_alarm({.name = kHardwareAlarm,
                                             .severity = Severity::major,
                                             .text = changed.error().text(),
                                             .raised = when,
                                             .operation = 0});
        },
        std::move(notes)));
    return true;
}

}  // namespace cutover
