#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/service_change.h"

namespace cutover {

struct UnitFilesPlace {
    std::filesystem::path root = "/";                      // of the system, packages shown
    std::filesystem::path folder = "/run/systemd/system";  // ours: gone after a boot
    std::string base;                                      // "nos 1.0.0": owner of its services
    std::vector<std::string> base_services;                // all that its manifest names
    std::vector<std::filesystem::path> packages;           // roots of what lies on top
    std::map<std::string, std::string> environment;
};

// The units of services that packages on top bring, as files that systemd reads at its next reload;
// those of an earlier stack go. A service whose package brings the unit itself
// (usr/lib/systemd/system/web.service) keeps that, and those of the base keep theirs, unless a
// package takes the place of one that the base's manifest names. What packages load into a service
// after each of its starts is added to it.
//
// Returns the services that packages bring, in the order in which they start; nothing is written,
// and service.change_failed says why, when one has the name of another unit of the base.
Result<std::vector<std::string>> write_unit_files(const UnitFilesPlace& place,
                                                  const std::vector<PlannedService>& services);

// web.service and, for a service with sockets, web.socket; systemd.service(5), systemd.socket(5).
std::string service_unit(const PlannedService& service,
                         const std::map<std::string, std::string>& environment);
std::string socket_unit(const PlannedService& service);
std::string after_start_unit(const PlannedService& service);  // a drop-in

}  // namespace cutover
