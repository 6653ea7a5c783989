#include "backends/systemd/units.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <systemd/sd-bus.h>

#include "backends/systemd/bus.h"
#include "base/error.h"
#include "model/device.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxUnits = 10'000;

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

std::string state_of(const Unit& unit) {
    if (unit.load != "loaded") return "failed";
    if (unit.active == "active" || unit.active == "reloading")
        return unit.sub == "exited" ? "ended" : "running";
    if (unit.active == "activating") return "starting";
    return unit.active == "failed" ? "failed" : "stopped";
}

}  // namespace

BusCall of_manager(const char* member) {
    return {.service = "org.freedesktop.systemd1",
            .path = "/org/freedesktop/systemd1",
            .interface = "org.freedesktop.systemd1.Manager",
            .member = member};
}

std::string unit_name(const std::string& service) { return service + ".service"; }

BusCall of_service(const Unit& unit, const char* member) {
    return {.service = "org.freedesktop.systemd1",
            .path = unit.path.c_str(),
            .interface = "org.freedesktop.systemd1.Service",
            .member = member};
}

Result<std::vector<Unit>> list_units(Bus& bus, const char* member,
                                     const std::vector<std::string>& argument) {
    std::vector<Unit> units;
    TRY(bus.call(
        of_manager(member),
        [&](sd_bus_message* message) { return append_texts(message, argument); },
        [&](sd_bus_message* message) { return read_units(message, units); }));
    return units;
}

Result<ServiceStatus> describe(Bus& bus, const std::string& service, const Unit& unit) {
    ServiceStatus status{.name = service, .state = state_of(unit)};
    if (unit.load != "loaded") {
        status.detail = fmt::format("{}: {}", unit.name, unit.load);
        return status;
    }
    status.restarts = static_cast<int>(TRY(bus.number_property(of_service(unit, "NRestarts"))));
    if (status.state == "running" || status.state == "ended") return status;
    status.detail = fmt::format("{} ({})", unit.active, unit.sub);
    const auto result = TRY(bus.text_property(of_service(unit, "Result")));
    if (result != "success") status.detail += fmt::format(": {}", result);
    return status;
}

Result<Unit> find_unit(Bus& bus, const std::string& name) {
    for (auto& unit : TRY(list_units(bus, "ListUnitsByNames", {name})))
        if (unit.name == name) return std::move(unit);
    return Unit{.name = name, .load = "not-found", .active = "inactive", .sub = "dead"};
}

}  // namespace cutover
