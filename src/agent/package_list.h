#pragma once

#include <vector>

#include "base/error.h"
#include "engine/ports.h"
#include "model/device.h"

namespace cutover {

// The packages of the running base, on top of it, and at hand, by kind and name.
Result<std::vector<PackageStatus>> list_packages(const Ports& ports);

}  // namespace cutover
