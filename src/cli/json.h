#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/state_view.h"
#include "model/device.h"

// The documents that --json prints. Their fields are described in docs/cli.md, and kept: they are
// added to, never renamed. Each function returns one document on one line, without the line break.
namespace cutover::cli::json {

std::string version(const DeviceState& state);
std::string generations(const DeviceState& state);
std::string packages(const DeviceState& state);
std::string patches(const DeviceState& state);
std::string health(const DeviceState& state);
std::string alarms(const DeviceState& state);
std::string status(const DeviceState& state);
std::string startup(const DeviceState& state);
std::string overview(const DeviceState& state);

std::string operations(const std::vector<Operation>& operations);
std::string operation(const Operation& operation);
std::string preview(const Preview& preview);
std::string lines(std::string_view name, const std::vector<std::string>& lines);
std::string error(const Error& error, ExitCode code);

// Lines of a followed operation, and of `events`.
std::string started(OperationId operation);
std::string event(const Event& event);
std::string progress(const Progress& progress);
std::string restarting(OperationId operation);
std::string result(const Operation& operation, ExitCode code);
std::string result(const Operation& operation, ExitCode code,
                   const std::vector<PackageResult>& packages);

}  // namespace cutover::cli::json
