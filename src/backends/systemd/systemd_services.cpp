#include "backends/systemd/systemd_services.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>
#include <systemd/sd-bus.h>

#include "backends/systemd/bus.h"
#include "backends/systemd/unit_change.h"
#include "backends/systemd/units.h"
#include "base/error.h"
#include "model/device.h"
#include "model/service_change.h"
#include "platform/services.h"

namespace cutover {
namespace {

constexpr std::chrono::seconds kPatience{3};
constexpr std::chrono::seconds kRestartPatience{10};
constexpr std::chrono::seconds kUnitFilesPatience{30};
constexpr std::size_t kMaxNamed = 10;  // failed units in one message

std::string names_of(const std::vector<std::string>& units) {
    const auto shown = std::min(units.size(), kMaxNamed);
    auto text = fmt::format(
        "{}", fmt::join(units.begin(), units.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (shown < units.size()) text += fmt::format(" and {} more", units.size() - shown);
    return text;
}

Result<ServiceStatus> look_at_system(Bus& bus, const std::vector<std::string>& tolerated) {
    const auto state = TRY(bus.text_property(of_manager("SystemState")));
    ServiceStatus status{.name = std::string(kSystemRow), .state = "failed", .detail = state};
    if (state == "initializing" || state == "starting") status.state = "starting";
    if (state != "running" && state != "degraded") return status;

    std::vector<std::string> failed;
    for (auto& unit : TRY(list_units(bus, "ListUnitsFiltered", {"failed"})))
        if (std::ranges::find(tolerated, unit.name) == tolerated.end())
            failed.push_back(std::move(unit.name));
    if (failed.empty()) {
        status.state = "running";
        return status;
    }
    std::ranges::sort(failed);
    status.detail = fmt::format("failed: {}", names_of(failed));
    return status;
}

Result<std::vector<ServiceStatus>> ask(const SystemdServices::Options& options,
                                       const std::vector<std::string>& services) {
    auto bus = TRY(Bus::open(options.bus, kPatience));
    std::vector<ServiceStatus> rows;
    if (!services.empty()) {
        std::vector<std::string> names;
        names.reserve(services.size());
        for (const auto& service : services) names.push_back(unit_name(service));
        const auto units = TRY(list_units(bus, "ListUnitsByNames", names));
        for (const auto& service : services) {
            const auto unit = std::ranges::find(units, unit_name(service), &Unit::name);
            if (unit == units.end())
                rows.push_back({.name = service, .state = "failed", .detail = "no such unit"});
            else
                rows.push_back(TRY(describe(bus, service, *unit)));
        }
    }
    rows.push_back(TRY(look_at_system(bus, options.tolerated)));
    return rows;
}

}  // namespace

std::vector<ServiceStatus> SystemdServices::status() const {
    const auto services = known();
    auto rows = ask(options_, services);
    if (rows) return std::move(*rows);
    const auto why = rows.error().text();
    std::vector<ServiceStatus> unknown;
    unknown.reserve(services.size() + 1);
    for (const auto& service : services)
        unknown.push_back({.name = service, .state = "failed", .detail = why});
    unknown.push_back({.name = std::string(kSystemRow), .state = "failed", .detail = why});
    return unknown;
}

Result<> SystemdServices::change(const std::vector<ServiceAction>& actions, std::stop_token stop) {
    // The unit files are those of the view that is shown now.
    const auto reads_units = [](const ServiceAction& action) {
        return action.kind != ServiceActionKind::reload && action.kind != ServiceActionKind::hook &&
               action.kind != ServiceActionKind::unhook;
    };
    if (std::ranges::any_of(actions, reads_units)) {
        auto bus = TRY(Bus::open(options_.bus, kUnitFilesPatience));
        TRY(bus.call(of_manager("Reload"), {}, {}), "read the unit files anew");
    }
    for (const auto& action : actions) {
        if (stop.stop_requested()) return fail(Errc::cancelled, "the change was stopped");
        remember(action);
        TRY(change_unit(action,
                        {.bus = options_.bus,
                         .root = options_.root,
                         .environment = options_.environment,
                         .grace = options_.grace},
                        stop));
        if (action.kind == ServiceActionKind::stop) forget(action.service.spec.name);
    }
    return {};
}

std::vector<std::string> SystemdServices::known() const {
    const std::scoped_lock lock(mutex_);
    return services_;
}

// What is started has a row at once, that of a failure too.
void SystemdServices::remember(const ServiceAction& action) {
    const auto& name = action.service.spec.name;
    const std::scoped_lock lock(mutex_);
    if (action.kind != ServiceActionKind::stop &&
        std::ranges::find(services_, name) == services_.end())
        services_.push_back(name);
}

void SystemdServices::forget(const std::string& service) {
    const std::scoped_lock lock(mutex_);
    std::erase(services_, service);
}

Result<> ask_for_restart(const std::string& address) {
    auto bus = TRY(Bus::open(address, kRestartPatience));
    const auto by_logind = bus.call(
        {.service = "org.freedesktop.login1",
         .path = "/org/freedesktop/login1",
         .interface = "org.freedesktop.login1.Manager",
         .member = "Reboot"},
        [](sd_bus_message* message) { return sd_bus_message_append(message, "b", 0); }, {});
    if (by_logind) return {};
    // A small system has no logind. (The manager's own Reboot() would stop no service first.)
    auto by_systemd = bus.call(of_manager("StartUnit"),
                               [](sd_bus_message* message) {
                                   return sd_bus_message_append(message, "ss", "reboot.target",
                                                                "replace-irreversibly");
                               },
                               {});
    if (by_systemd) return {};
    return std::unexpected(std::move(by_systemd).error().within(by_logind.error().message));
}

}  // namespace cutover
