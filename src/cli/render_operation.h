#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/state_view.h"
#include "cli/terminal.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"

// Operations as text, under the same promises as render_state.h.
namespace cutover::cli {

std::string operations_text(const std::vector<Operation>& operations, const Terminal& terminal);
std::string operation_text(const Operation& operation, const Terminal& terminal);

// `run_with`: the command that makes this plan real, without its --plan.
std::string preview_text(const Preview& preview, const std::string& run_with,
                         const Terminal& terminal);

// "  prep         done    0.6 s   9 checks", without a line break.
std::string stage_line(const StageRecord& record, const Terminal& terminal);

// "  install      ━━━━━━━╸        68 %  393/578 MB  512 MB/s  0:00:01 left": as much of it as fits
// the width; always shorter than that, so that a terminal does not break the line.
std::string progress_line(const Progress& progress, const Terminal& terminal);

std::string event_line(const Event& event, const Terminal& terminal);

// What an operation that went well has come to; `state` is how the device is now, if that is known.
std::string success_text(const Operation& operation, const std::optional<DeviceState>& state,
                         const Terminal& terminal);

// Of a reboot into what was set for startup.
std::string restarted_text(const Operation& operation);

// A row for each package of a reload; empty when there is none.
std::string packages_text(const std::vector<PackageResult>& packages, const Terminal& terminal);

// "Interrupted 20.1 s in two reboots. Alarm raised: upgrade-failed (major). Exit 1."
std::string failure_summary(const Operation& operation, const std::optional<DeviceState>& state,
                            ExitCode code);

std::string error_text(const Error& error, const Terminal& terminal);

}  // namespace cutover::cli
