#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "engine/engine.h"
#include "model/configuration.h"
#include "model/operation.h"
#include "platform/emulated/emulated_device.h"
#include "store/store.h"

namespace cutover {

// How a life of a device's agent ended.
enum class LifeEnd : std::uint8_t { idle, reboot, killed, broken };

struct Fault {
    long at = 0;        // kill the process at that fault point; 0: never
    std::string trace;  // a file that gets the name of every point reached; empty: none
};

// What somebody does with the configuration of a device that is at rest.
using Act = std::function<Result<>(Configuration&)>;

// Powers the device on in a process of its own, lets the engine take up what is unfinished, then
// carries out `request` if there is one, or `act`, and returns how that process ended. What went
// wrong
// (`broken`) is on standard error.
LifeEnd live(const std::filesystem::path& device, const std::optional<Request>& request,
             const Fault& fault, const Act& act = {});

// Lives without a request until nothing is left to do; false when that takes more than ten.
// `first` is the fault of the first of them.
bool recover(const std::filesystem::path& device, const Fault& first = {});

// Runs `look` in a process of its own, with the device off and its store open; false and a line on
// standard error when it returned an error.
bool inspect(const std::filesystem::path& device,
             const std::function<Result<>(EmulatedDevice&, Store&)>& look);

}  // namespace cutover
