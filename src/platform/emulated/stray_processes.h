#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>

namespace cutover {

// What every process that a device starts has in its environment: CUTOVER_SUPERVISED_BY=<its
// folder>. Not CUTOVER_DEVICE, with which a person's shell says which device is meant.
inline constexpr const char* kSupervisedBy = "CUTOVER_SUPERVISED_BY";

// Kills what still runs of an earlier life of the device: every process, but this one and its
// ancestors, whose environment names the device's folder. Returns how many there were, when they
// are gone or `patience` is used up.
std::size_t kill_stray_processes(const std::filesystem::path& device,
                                 std::chrono::milliseconds patience = std::chrono::seconds(5));

// A process of the device runs out of `folder`, works in it, or has something of it open.
bool is_used_by_device(const std::filesystem::path& device, const std::filesystem::path& folder);

}  // namespace cutover
