#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/generation.h"
#include "model/package_kind.h"

namespace cutover {

using OperationId = std::int64_t;  // counted from 1; 0 is none

enum class OperationKind : std::uint8_t {
    install,
    upgrade,
    activate,  // what is in the standby slot, or with `packages`: of patches, until a reboot
    commit,    // what is on trial, or with `packages`: active patches, for good
    revert,
    rollback,
    reboot,
    repair,
    uninstall,
    fetch,       // obtains packages; nothing that runs changes
    discard,     // gives obtained packages up
    deactivate,  // of patches: they stay obtained
    select,      // marks obtained packages for the next reload
    deselect,    // marks packages to go with the next reload
    reload,      // makes all that was marked take effect together
    reset,       // of all that came after the device was made, but the running base
    restore,     // puts back what a backup holds: the request's only source
};
std::string_view to_string(OperationKind kind);
std::optional<OperationKind> operation_kind_from(std::string_view name);

// When a change takes effect. `automatic` is the kind's own way: a base reboots at once.
enum class Mode : std::uint8_t { automatic, in_service, next_startup };
std::string_view to_string(Mode mode);
std::optional<Mode> mode_from(std::string_view name);

// The nine stages of seed document 004, the same for every operation.
enum class Stage : std::uint8_t {
    init,
    prep,
    preremove,
    preinstall,
    install,
    postinstall,
    postremove,
    configure,
    postexecute,
};
inline constexpr std::array kStages{Stage::init,       Stage::prep,      Stage::preremove,
                                    Stage::preinstall, Stage::install,   Stage::postinstall,
                                    Stage::postremove, Stage::configure, Stage::postexecute};
std::string_view to_string(Stage stage);
std::optional<Stage> stage_from(std::string_view name);

// The base that a request is about; an empty part fits any.
struct WantedBase {
    std::string name;
    std::string version;
    bool not_running = false;  // nor the one that runs
    bool operator==(const WantedBase&) const = default;
};

inline constexpr std::chrono::hours kLongestConfigWait{1};

struct Request {
    OperationKind kind = OperationKind::install;
    std::vector<std::string> sources;      // files (absolute) and URLs
    std::vector<std::string> packages;     // names of packages at hand: "bgp" or "bgp@1.2"
    std::optional<PackageKind> only_kind;  // refuse packages of other kinds
    bool with_dependents = false;          // of uninstall: what needs them goes as well
    Mode mode = Mode::automatic;
    std::chrono::minutes trial{0};        // 0: commit by itself once the checks have passed
    std::vector<std::string> force;       // names of checks to skip
    std::string plan_hash;                // non-empty: refuse unless the plan is this one
    GenerationId generation = 0;          // of a rollback; 0: the one committed before
    std::optional<WantedBase> only_base;  // refuse to bring anything but this base
    bool keep_access = false;             // of a reset: users, certificates and keys stay
    bool factory_base = false;  // of a reset: refuse unless the device was made with what runs
    std::string asked_by;       // "root@local"; filled in by the door
    // Of what starts another base or other YANG modules: how long it waits for configuration work
    // that is open, before anything is changed, and whether it then ends that work or gives up.
    std::chrono::milliseconds max_wait{std::chrono::seconds(10)};
    bool end_config_work = false;
    bool wait_for_services = false;  // until all have taken the configuration that runs
    bool operator==(const Request&) const = default;
};

enum class CheckVerdict : std::uint8_t { ok, warning, refused, skipped };
std::string_view to_string(CheckVerdict verdict);
std::optional<CheckVerdict> check_verdict_from(std::string_view name);

struct CheckResult {
    std::string name;  // "space": what --force and policy mention
    CheckVerdict verdict = CheckVerdict::ok;
    std::string detail;          // "needs 612 MB, has 4.1 GB"
    std::optional<Error> error;  // set when refused
    bool operator==(const CheckResult&) const = default;
};

struct PlannedStep {
    Stage stage = Stage::init;
    int order = 50;  // the two-digit prefix
    std::string name;
    std::string description;
    bool operator==(const PlannedStep&) const = default;
};

// A plan with all its read-only checks run. Nothing was changed.
struct Preview {
    std::string title;  // "upgrade base nos 1.1.0 -> 1.2.0"
    std::string plan_hash;
    std::vector<CheckResult> checks;
    std::vector<PlannedStep> steps;
    std::vector<std::string> notes;  // "patch p1 1.0 is carried over"
    std::string interrupts;          // "about 9 s (last three reboots)", empty when services go on
    std::optional<Error> error;      // why the operation would be refused
    bool operator==(const Preview&) const = default;
};

enum class OperationState : std::uint8_t {
    running,
    on_trial,         // the new generation runs, its checks are being made
    awaiting_commit,  // --trial: checks passed, somebody has to say commit
    undoing,          // failed or cancelled; on the way back
    done,
    failed,     // the device is as it was
    cancelled,  // the device is as it was
    refused,    // a check said no before anything was changed
};
std::string_view to_string(OperationState state);
std::optional<OperationState> operation_state_from(std::string_view name);
constexpr bool is_over(OperationState state) {
    return state >= OperationState::done;  // the enumerators from there on are ends
}

enum class StageState : std::uint8_t { pending, running, done, failed, undone };
std::string_view to_string(StageState state);
std::optional<StageState> stage_state_from(std::string_view name);

struct StageRecord {
    Stage stage = Stage::init;
    StageState state = StageState::pending;
    std::chrono::milliseconds duration{0};
    std::string detail;  // "9 checks", "slot A, trial 1 of 2"
    bool operator==(const StageRecord&) const = default;
};

struct Operation {
    OperationId id = 0;
    std::string title;
    Request request;
    OperationState state = OperationState::running;
    Stage stage = Stage::init;  // the current or last one
    std::vector<StageRecord> stages;
    std::vector<CheckResult> checks;
    std::string plan_hash;
    GenerationId from = 0;
    GenerationId to = 0;
    WallTime started{};
    std::optional<WallTime> ended;
    std::chrono::milliseconds interruption{0};  // services were away for that long
    int reboots = 0;
    std::vector<std::string> notes;  // of the plan: "patch p1 1.0 is carried over"
    std::vector<std::string> warnings;
    std::optional<Error> error;
    std::optional<WallTime> commit_deadline;  // of awaiting_commit
    bool operator==(const Operation&) const = default;
};

}  // namespace cutover
