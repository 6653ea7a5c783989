#pragma once

#include <string>
#include <vector>

#include "backends/systemd/bus.h"
#include "base/error.h"
#include "model/device.h"

namespace cutover {

// A unit as systemd lists it.
struct Unit {
    std::string name;
    std::string load;    // "loaded", "not-found", "masked"
    std::string active;  // "active", "inactive", "failed", ...
    std::string sub;
    std::string path;  // of its object
};

BusCall of_manager(const char* member);
BusCall of_service(const Unit& unit, const char* member);  // refers to the unit
std::string unit_name(const std::string& service);         // "web.service"

// `member` is ListUnitsByNames or ListUnitsFiltered.
Result<std::vector<Unit>> list_units(Bus& bus, const char* member,
                                     const std::vector<std::string>& argument);
Result<Unit> find_unit(Bus& bus, const std::string& name);  // "not-found" when there is none

Result<ServiceStatus> describe(Bus& bus, const std::string& service, const Unit& unit);

}  // namespace cutover
