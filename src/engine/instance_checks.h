#pragma once

#include <vector>

#include "engine/checks.h"
#include "model/generation.h"
#include "model/operation.h"

namespace cutover {

// Packages that may be there in two major versions, that run, and that the plan takes away.
std::vector<PackageRef> sides_that_go(const CheckContext& context);

// Whether instances in the running configuration are bound to them.
CheckResult check_instances(const CheckContext& context);

}  // namespace cutover
