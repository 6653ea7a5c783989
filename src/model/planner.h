#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/backups.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/plan.h"

namespace cutover {

// A script of a stage: of the device's folder, an INI file, or the package.
struct StageScript {
    Stage stage = Stage::init;
    int order = 50;
    std::string name;  // "stages/prep/10-backup", "upgrade.ini [install] command[0]"
    std::vector<std::string> command;
    std::string digest;  // of what it runs, as far as known: part of the plan's hash
};

struct OfferedPackage {
    std::string source;
    std::string digest;
    Manifest manifest;
};

struct PlanInput {
    Request request;
    Marks marks;
    std::vector<Generation> generations;
    std::vector<SlotStatus> slots;
    Slot active = Slot::a;
    std::optional<Manifest> base;         // of the running base
    std::optional<Manifest> standby;      // of the one in the other slot
    std::vector<OfferedPackage> offered;  // the request's sources; in place of a pack its members
    std::optional<OfferedPackage> pack;   // that the members came in
    std::vector<OfferedPackage> at_hand;  // on the device: obtained, or on top in a generation
    Depot depot;
    std::string factory_base;  // digest of the base that the device was made with
    std::vector<StageScript> scripts;
    std::optional<Backup> backup;  // that is to be restored, verified
    std::string backup_file;
    std::string backup_digest;     // of what it holds
    bool backs_up = false;         // by itself, before a change of base or configuration
    bool versioned_slots = false;  // folders with a link `current`; see single_instance.h
    WallTime now{};
};

const OfferedPackage* offered_base(const PlanInput& input);  // null when none is offered

// Refuses (`plan.…`) what can never be: nothing on the standby slot, a revert to a slot that was
// never committed, a generation that is not kept. Whether it may be done now is for the checks.
Result<Plan> make_plan(const PlanInput& input);

// The trial of a startup that was set earlier and has happened now, or has failed to.
Plan plan_of_startup(const PlanInput& input, const Generation& target);

// What identifies a plan: all that decides what it does, and nothing else (no time, no number of a
// generation). The caller hashes it.
std::string plan_identity(const PlanInput& input, const Plan& plan);

// Versions to install one after the other to come from `from` to the last of `offered` by what
// their manifests accept; empty when there is no way.
std::vector<Version> upgrade_path(const Version& from, const std::vector<Manifest>& offered,
                                  const Version& to);

const Generation* find_generation(const std::vector<Generation>& generations, GenerationId id);

// What a boot of `slot` starts: the newest kept generation whose base is in it, a committed one
// before others; null when there is none.
const Generation* generation_in(const std::vector<Generation>& generations, Slot slot);

}  // namespace cutover
