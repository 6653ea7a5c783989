#pragma once

#include "model/plan.h"
#include "model/planner.h"

namespace cutover {

// On a device whose slots are versioned folders, a plan that goes to the other one says its steps
// in the words of who runs one instance on a host, and compacts the database before it stops.
void add_single_instance_steps(const PlanInput& input, Plan& plan);

}  // namespace cutover
