#pragma once

#include <string>
#include <vector>

#include "model/device.h"
#include "model/generation.h"
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

// The three commands that a person most likely wants next.
struct NextCommand {
    std::string command;
    std::string purpose;
};
std::vector<NextCommand> next_commands(const DeviceState& state);

}  // namespace cutover::cli
