#pragma once

#include "engine/checks.h"
#include "model/operation.h"

// The checks that concern what lies on top of a base; engine/checks.cpp asks them.
namespace cutover {

// A base comes and there are packages that could go with it; or the plan warns of something.
bool has_packages_to_judge(const CheckContext& context);

CheckResult check_packages(const CheckContext& context);  // warns; the planner refuses
CheckResult check_paths(const CheckContext& context);
CheckResult check_data(const CheckContext& context);

}  // namespace cutover
