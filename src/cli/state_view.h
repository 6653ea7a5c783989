#pragma once

#include <string>
#include <vector>

#include "model/device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

// What a DeviceState means, worked out once for text and JSON alike.
namespace cutover::cli {

const Generation* find_generation(const DeviceState& state, GenerationId id);  // nullptr: none
const SlotStatus* find_slot(const DeviceState& state, Slot slot);              // nullptr: none

// "running", "startup", "committed": those that point at the generation.
std::vector<std::string> marks_of(const DeviceState& state, GenerationId id);

// "running", "loaded", "deactive": as people say it of a package of this kind.
std::string package_state(const PackageStatus& package);

std::string named(const PackageRef& package);  // "nos 1.1.0"

// One sentence: "nothing is at work", "operation 14 is at work: upgrade base nos 1.1.0 -> 1.2.0".
std::string doing_now(const DeviceState& state);

// What a reload came to for one package: "loaded", "removed", "unchanged", "failed"; with `why`
// where that does not say all.
struct PackageResult {
    PackageRef package;
    std::string result;
    std::string why;
};
// Of all that was on top of the base or marked `before`, and all that is on top now.
std::vector<PackageResult> reload_results(const DeviceState& before, const DeviceState& now,
                                          const Operation& operation);

// The three commands that a person most likely wants next.
struct NextCommand {
    std::string command;
    std::string purpose;
};
std::vector<NextCommand> next_commands(const DeviceState& state);

}  // namespace cutover::cli
