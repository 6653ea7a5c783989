#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/ports.h"
#include "model/device.h"

namespace cutover {

// The packages of the running base, on top of it, and at hand, by kind and name. `present` is the
// hardware that services run for now.
Result<std::vector<PackageStatus>> list_packages(const Ports& ports,
                                                 const std::vector<std::string>& present);

}  // namespace cutover
