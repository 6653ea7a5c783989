#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "model/generation.h"
#include "model/package_changes.h"
#include "model/plan.h"
#include "model/planner.h"

// Plans of what lies on top of the running base; the planner's, and of nobody else.
namespace cutover {

// Packages come, change or go: in service, until the next boot, or with it.
Result<Plan> plan_packages(const PlanInput& input);
// Back to a generation on the base that runs; `takes_back`: a startup that has not happened yet.
Plan plan_package_rollback(const PlanInput& input, const Generation& target, bool takes_back);

// What changes nothing that runs: keeping what is active over boots, obtaining packages, marking
// them for the next reload, and giving them up (what of them runs goes first).
Result<Plan> plan_keep(const PlanInput& input);
// What is offered is written and obtained; nothing that runs changes.
std::vector<PackageRef> obtain_offered(const PlanInput& input, Plan& plan);
void obtain_again(const PlanInput& input, const std::vector<PackageRef>& packages, Plan& plan);
Result<Plan> plan_fetch(const PlanInput& input);
Result<Plan> plan_selection(const PlanInput& input);
Result<Plan> plan_discard(const PlanInput& input);

// Of generations that lie on the same base.
bool same_packages(const Generation& one, const Generation& other);
std::vector<PlannedLayer> layers_of(const PackageChange& change);
// "feature bgp 8.5, patch fix 1", or how many there are.
std::string titles(const std::vector<PackageRef>& packages);
// The update level that the request's pack brings.
void bring_level(const PlanInput& input, Generation& target);

}  // namespace cutover
