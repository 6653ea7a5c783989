#include "backends/systemd/systemd_services.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>
#include <systemd/sd-bus.h>

#include "backends/systemd/bus.h"
#include "base/error.h"
#include "model/device.h"
#include "platform/services.h"

namespace cutover {
namespace {

constexpr std::chrono::seconds kPatience{3};
constexpr std::chrono::seconds kRestartPatience{10};
constexpr std::size_t kMaxUnits = 10'000;
constexpr std::size_t kMaxNamed = 10;  // failed units in one message

constexpr BusCall of_manager(const char* member) {
    return {.service = "org.freedesktop.systemd1",
            .path = "/org/freedesktop/systemd1",
            .interface = "org.freedesktop.systemd1.Manager",
            .member = member};
}

struct Unit {
    std::string name;
    std::string load;
    std::string active;
    std::string sub;
    std::string path;
};

std::string unit_name(const std::string& service) { return service + ".service"; }

// a(ssssssouso), as ListUnitsByNames and ListUnitsFiltered answer.
int read_units(sd_bus_message* message, std::vector<Unit>& units) {
    int done = sd_bus_message_enter_container(message, 'a', "(ssssssouso)");
    while (done >= 0) {
        const char* name = nullptr;
        const char* description = nullptr;
        const char* load = nullptr;
        const char* active = nullptr;
        const char* sub = nullptr;
        const char* following = nullptr;
        const char* path = nullptr;
        std::uint32_t job = 0;
        const char* job_type = nullptr;
        const char* job_path = nullptr;
        done = sd_bus_message_read(message, "(ssssssouso)", &name, &description, &load, &active,
                                   &sub, &following, &path, &job, &job_type, &job_path);
        if (done <= 0) return done;  // 0: no more
        if (units.size() == kMaxUnits) return -E2BIG;
        units.push_back({.name = name, .load = load, .active = active, .sub = sub, .path = path});
    }
    return done;
}

int append_texts(sd_bus_message* message, const std::vector<std::string>& texts) {
    int done = sd_bus_message_open_container(message, 'a', "s");
    for (const auto& text : texts)
        if (done >= 0) done = sd_bus_message_append_basic(message, 's', text.c_str());
    return done < 0 ? done : sd_bus_message_close_container(message);
}

Result<std::vector<Unit>> list(Bus& bus, const char* member,
                               const std::vector<std::string>& argument) {
    std::vector<Unit> units;
    TRY(bus.call(
        of_manager(member),
        [&](sd_bus_message* message) { return append_texts(message, argument); },
        [&](sd_bus_message* message) { return read_units(message, units); }));
    return units;
}

std::string state_of(const Unit& unit) {
    if (unit.load != "loaded") return "failed";
    if (unit.active == "active" || unit.active == "reloading")
        return unit.sub == "exited" ? "ended" : "running";
    if (unit.active == "activating") return "starting";
    return unit.active == "failed" ? "failed" : "stopped";
}

Result<ServiceStatus> describe(Bus& bus, const std::string& service, const Unit& unit) {
    ServiceStatus status{.name = service, .state = state_of(unit)};
    if (unit.load != "loaded") {
        status.detail = fmt::format("{}: {}", unit.name, unit.load);
        return status;
    }
    const auto property = [&](const char* member) {
        return BusCall{.service = "org.freedesktop.systemd1",
                       .path = unit.path.c_str(),
                       .interface = "org.freedesktop.systemd1.Service",
                       .member = member};
    };
    status.restarts = static_cast<int>(TRY(bus.number_property(property("NRestarts"))));
    if (status.state == "running" || status.state == "ended") return status;
    status.detail = fmt::format("{} ({})", unit.active, unit.sub);
    const auto result = TRY(bus.text_property(property("Result")));
    if (result != "success") status.detail += fmt::format(": {}", result);
    return status;
}

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
    for (auto& unit : TRY(list(bus, "ListUnitsFiltered", {"failed"})))
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

Result<std::vector<ServiceStatus>> ask(const SystemdServices::Options& options) {
    auto bus = TRY(Bus::open(options.bus, kPatience));
    std::vector<ServiceStatus> rows;
    if (!options.services.empty()) {
        std::vector<std::string> names;
        names.reserve(options.services.size());
        for (const auto& service : options.services) names.push_back(unit_name(service));
        const auto units = TRY(list(bus, "ListUnitsByNames", names));
        for (const auto& service : options.services) {
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
    auto rows = ask(options_);
    if (rows) return std::move(*rows);
    const auto why = rows.error().text();
    std::vector<ServiceStatus> unknown;
    unknown.reserve(options_.services.size() + 1);
    for (const auto& service : options_.services)
        unknown.push_back({.name = service, .state = "failed", .detail = why});
    unknown.push_back({.name = std::string(kSystemRow), .state = "failed", .detail = why});
    return unknown;
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
