// The names of the model's enumerations: what the store, the doors and the CLI write for them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/plan.h"

namespace cutover {
namespace {

// Names in the order of the enumerators.
constexpr std::array<std::string_view, 4> kSlotStates{"empty", "writing", "installed", "bad"};
constexpr std::array<std::string_view, 17> kOperationKinds{
    "install", "upgrade",  "activate",  "commit", "revert",  "rollback",
    "reboot",  "repair",   "uninstall", "fetch",  "discard", "deactivate",
    "select",  "deselect", "reload",    "reset",  "restore"};
constexpr std::array<std::string_view, 3> kModes{"automatic", "in-service", "next-startup"};
constexpr std::array<std::string_view, 9> kStageNames{"init",       "prep",      "preremove",
                                                      "preinstall", "install",   "postinstall",
                                                      "postremove", "configure", "postexecute"};
constexpr std::array<std::string_view, 4> kVerdicts{"ok", "warning", "refused", "skipped"};
constexpr std::array<std::string_view, 8> kOperationStates{
    "running", "on-trial", "awaiting-commit", "undoing", "done", "failed", "cancelled", "refused"};
constexpr std::array<std::string_view, 5> kStageStates{"pending", "running", "done", "failed",
                                                       "undone"};
constexpr std::array<std::string_view, 28> kStepKinds{"script",
                                                      "hook",
                                                      "unpack-hooks",
                                                      "capture-evidence",
                                                      "write-slot",
                                                      "carry-persistent",
                                                      "record-generation",
                                                      "arm-trial",
                                                      "reboot",
                                                      "check-trial",
                                                      "await-commit",
                                                      "commit",
                                                      "disarm-trial",
                                                      "repair",
                                                      "write-layer",
                                                      "prepare-view",
                                                      "switch-view",
                                                      "hold",
                                                      "record-packages",
                                                      "order-reset",
                                                      "strip",
                                                      "forget",
                                                      "upgrade-config",
                                                      "create-backup",
                                                      "stage-backup",
                                                      "restore-database",
                                                      "restore-files",
                                                      "compact"};
constexpr std::array<std::string_view, 7> kPackageStates{
    "integrated", "obtained", "selected", "running", "active", "next-boot", "leaving"};
constexpr std::array<std::string_view, 6> kSeverities{"cleared", "indeterminate", "warning",
                                                      "minor",   "major",         "critical"};

template <typename Enum, std::size_t size>
std::optional<Enum> find(const std::array<std::string_view, size>& names, std::string_view name) {
    const auto* const found = std::ranges::find(names, name);
    if (found == names.end()) return std::nullopt;
    return static_cast<Enum>(found - names.begin());
}

template <std::size_t size, typename Enum>
std::string_view at(const std::array<std::string_view, size>& names, Enum value) {
    return names.at(std::to_underlying(value));
}

}  // namespace

std::string_view to_string(SlotState state) { return at(kSlotStates, state); }
std::optional<SlotState> slot_state_from(std::string_view name) {
    return find<SlotState>(kSlotStates, name);
}
std::string_view to_string(OperationKind kind) { return at(kOperationKinds, kind); }
std::optional<OperationKind> operation_kind_from(std::string_view name) {
    return find<OperationKind>(kOperationKinds, name);
}
std::string_view to_string(Mode mode) { return at(kModes, mode); }
std::optional<Mode> mode_from(std::string_view name) { return find<Mode>(kModes, name); }
std::string_view to_string(Stage stage) { return at(kStageNames, stage); }
std::optional<Stage> stage_from(std::string_view name) { return find<Stage>(kStageNames, name); }
std::string_view to_string(CheckVerdict verdict) { return at(kVerdicts, verdict); }
std::optional<CheckVerdict> check_verdict_from(std::string_view name) {
    return find<CheckVerdict>(kVerdicts, name);
}
std::string_view to_string(OperationState state) { return at(kOperationStates, state); }
std::optional<OperationState> operation_state_from(std::string_view name) {
    return find<OperationState>(kOperationStates, name);
}
std::string_view to_string(StageState state) { return at(kStageStates, state); }
std::optional<StageState> stage_state_from(std::string_view name) {
    return find<StageState>(kStageStates, name);
}
std::string_view to_string(StepKind kind) { return at(kStepKinds, kind); }
std::optional<StepKind> step_kind_from(std::string_view name) {
    return find<StepKind>(kStepKinds, name);
}
std::string_view to_string(Severity severity) { return at(kSeverities, severity); }
std::optional<Severity> severity_from(std::string_view name) {
    return find<Severity>(kSeverities, name);
}

std::string_view to_string(PackageState state) { return at(kPackageStates, state); }
std::optional<PackageState> package_state_from(std::string_view name) {
    return find<PackageState>(kPackageStates, name);
}

}  // namespace cutover
