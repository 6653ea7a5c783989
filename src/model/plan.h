#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover {

// What a step of a plan does. Steps of the engine and scripts share a stage, in the order of their
// two-digit prefixes.
enum class StepKind : std::uint8_t {
    script,            // of the device: `command`, without a shell
    hook,              // of a package: `argument` is "<digest>/<member name>"
    unpack_hooks,      // the packages' hooks, into the operation's folder
    capture_evidence,  // `argument`: "before" or "after"
    write_slot,        // undo: erase it, or keep it as bad after a trial
    carry_persistent,
    record_generation,
    arm_trial,  // startup moves to the target; undo: back to the committed one
    reboot,
    check_trial,
    await_commit,
    commit,
    disarm_trial,  // startup goes back to what runs
    repair,
    write_layer,      // `argument`: its digest; undo: erase it if nothing else has it
    prepare_view,     // of the target, beside what is shown
    switch_view,      // what runs becomes the target; undo: back to what ran
    hold,             // what runs stays so until the next boot
    record_packages,  // what is obtained, and what is marked for the next reload
    order_reset,      // of files, by the next boot (platform/factory_reset.h)
    strip,            // the next boot starts the base alone
    forget,           // all that is remembered of before
    upgrade_config,   // the target's configuration is made of what runs
    create_backup,
    stage_backup,      // `argument`: its file; verified, and unpacked beside
    restore_database,  // the configuration in it
    restore_files,
    compact,  // the database
};
std::string_view to_string(StepKind kind);
std::optional<StepKind> step_kind_from(std::string_view name);

struct Step {
    StepKind kind = StepKind::script;
    Stage stage = Stage::init;
    int order = 50;
    std::string name;
    std::string description;
    std::string argument;
    std::vector<std::string> command;
    bool operator==(const Step&) const = default;
};

// A package that lies on the target's base, or is obtained.
struct PlannedLayer {
    PackageRef package;
    std::string source;  // where it is read from
    bool operator==(const PlannedLayer&) const = default;
};

// Packages that the device holds without running them, and those that a reload is to bring or to
// take away.
struct Depot {
    std::vector<PackageRef> obtained;
    std::vector<PackageRef> selected;
    std::vector<std::string> deselected;
    bool operator==(const Depot&) const = default;
};

// The pure result of (current state, request, package at hand, scripts, policy). `target` is the
// generation that the operation makes or goes to; its id is 0 when it makes none.
struct Plan {
    std::string title;
    std::string subject;  // what is changed to, for messages: "nos 1.2.0", "feature web 1.1.0"
    Generation target;
    std::string source;  // where the package comes from; empty: it is in the slot already
    std::string manifest_digest;
    std::vector<std::string> persist;  // paths to carry over
    std::vector<Step> steps;
    // What boots start from then on, where that is not the target: packages that were activated
    // until the next boot are not in it.
    std::optional<Generation> startup;
    std::vector<PlannedLayer> layers;  // to write, in the order in which they lie
    std::optional<Depot> depot;        // as it is afterwards, where it changes
    std::string interrupts;            // services that are away for a moment, without a reboot
    // What a person should know of it: carried, superseded, skipped; and what is hardly meant so.
    std::vector<std::string> notes;
    std::vector<std::string> warnings;
    bool operator==(const Plan&) const = default;
};

}  // namespace cutover
