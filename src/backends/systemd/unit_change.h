#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "model/service_change.h"

namespace cutover {

struct UnitPlace {
    std::string bus;             // an address; empty: the system bus
    std::filesystem::path root;  // of hooks: where their programs are found
    std::map<std::string, std::string> environment;
    std::chrono::milliseconds grace{300};  // a service that was sent a signal runs on for so long
};

// Carries one action out on the unit of its service, as Services::change() says.
Result<> change_unit(const ServiceAction& action, const UnitPlace& place, std::stop_token stop);

}  // namespace cutover
