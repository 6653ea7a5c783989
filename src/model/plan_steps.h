#pragma once

#include <vector>

#include "base/error.h"
#include "model/manifest.h"
#include "model/plan.h"
#include "model/planner.h"

// The steps of a plan whose targets are known, in the order in which they are made; the planner's,
// and of nobody else.
namespace cutover {

// A base goes to the standby slot, with what lies on top of it.
void add_install_steps(const PlanInput& input, Plan& plan);
// The standby slot is started: at once, or by the next boot.
void add_activation_steps(const PlanInput& input, Plan& plan);
// Packages on top of the running base: in service, or with the next boot.
void add_package_steps(const PlanInput& input, Plan& plan);
// Nothing that runs changes: packages are obtained, given up or marked; or what runs is kept.
void add_record_steps(const PlanInput& input, Plan& plan);
// What is judged and kept after a boot that somebody else has caused.
void add_startup_steps(const PlanInput& input, Plan& plan);

// Of the packages that a generation consists of, from the base upwards; those that are known.
std::vector<const Manifest*> manifests_of(const PlanInput& input, const Generation& generation);

void add_evidence_steps(Plan& plan);  // before and after
void add_reset_steps(Plan& plan);
void add_backup_step(const PlanInput& input, Plan& plan);
void add_restore_steps(const PlanInput& input, Plan& plan);
void add_single_step(Plan& plan, StepKind kind);  // of reboot, repair, or a startup taken back
// Where other modules describe the configuration of what the plan starts; after all others.
void add_config_step(const PlanInput& input, Plan& plan);
void add_scripts(const PlanInput& input, Plan& plan);
// That the hooks of what was obtained before are there to be run.
Result<> check_hooks(const PlanInput& input, const Plan& plan);

void sort_steps(Plan& plan);

}  // namespace cutover
