#pragma once

#include <string>

#include "cli/terminal.h"
#include "model/device.h"

// A device's state as text: each function returns whole lines that fit the terminal's width and
// hold nothing that a terminal would act on.
namespace cutover::cli {

std::string version_text(const DeviceState& state, const Terminal& terminal);
std::string generations_text(const DeviceState& state, const Terminal& terminal);
std::string packages_text(const DeviceState& state, const Terminal& terminal);
std::string patches_text(const DeviceState& state, const Terminal& terminal);
std::string health_text(const DeviceState& state, const Terminal& terminal);
std::string alarms_text(const DeviceState& state, const Terminal& terminal);
std::string status_text(const DeviceState& state, const Terminal& terminal);
std::string startup_text(const DeviceState& state, const Terminal& terminal);
std::string overview_text(const DeviceState& state, const Terminal& terminal);

}  // namespace cutover::cli
