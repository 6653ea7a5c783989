#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>

namespace cutover {

// What every process of a device has in its environment: CUTOVER_DEVICE=<its folder>.
inline constexpr const char* kDeviceVariable = "CUTOVER_DEVICE";

// Kills what still runs of an earlier life of the device: every process, but this one and its
// ancestors, whose environment names the device's folder. Returns how many there were, when they
// are gone or `patience` is used up.
std::size_t kill_stray_processes(const std::filesystem::path& device,
                                 std::chrono::milliseconds patience = std::chrono::seconds(5));

}  // namespace cutover
