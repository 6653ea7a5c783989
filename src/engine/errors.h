#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo operation_busy{
    .id = "operation.busy",
    .kind = Errc::conflict,
    .meaning = "One operation at a time changes a device.",
    .remedy = "Wait for it (`cutover show operation N --follow`) or cancel it (`cutover cancel`)."};
inline constexpr ErrorInfo operation_cancelled{.id = "operation.cancelled",
                                               .kind = Errc::cancelled,
                                               .meaning = "Somebody asked to cancel it.",
                                               .remedy = "Nothing: the device is as it was."};
inline constexpr ErrorInfo operation_past_commit{
    .id = "operation.past_commit",
    .kind = Errc::conflict,
    .meaning = "The operation has passed its commit point and is being finished.",
    .remedy = "Let it finish; then go back with `cutover revert` or `cutover rollback`."};
inline constexpr ErrorInfo operation_none{
    .id = "operation.none",
    .kind = Errc::not_found,
    .meaning = "No operation is at work.",
    .remedy = "`cutover show operations` lists the past ones."};
inline constexpr ErrorInfo operation_timeout{
    .id = "operation.timeout",
    .kind = Errc::timeout,
    .meaning = "The operation took longer than device.toml allows.",
    .remedy =
        "Find out what was slow with `cutover show operation N --log`, or raise "
        "`operation-timeout` in [policy]."};
inline constexpr ErrorInfo operation_plan_changed{
    .id = "operation.plan_changed",
    .kind = Errc::conflict,
    .meaning = "The plan is no longer the one that was previewed.",
    .remedy = "Preview again with `--preview` and run with the plan it prints."};
inline constexpr ErrorInfo operation_needs_preview{
    .id = "operation.needs_preview",
    .kind = Errc::refused,
    .meaning = "The policy of this device demands a successful preview of the same plan.",
    .remedy = "Run the same command with `--preview` first."};
inline constexpr ErrorInfo operation_package_changed{
    .id = "operation.package_changed",
    .kind = Errc::untrusted,
    .meaning = "The package is not the one that was planned with: it was replaced meanwhile.",
    .remedy = "Start the operation again with the package you mean."};
inline constexpr ErrorInfo stage_script_failed{
    .id = "stage.script_failed",
    .kind = Errc::conflict,
    .meaning = "A script of a stage ended with an exit code other than 0.",
    .remedy = "Read its output with `cutover show operation N --log`, mend its cause, try again."};
inline constexpr ErrorInfo stage_ini_invalid{
    .id = "stage.ini_invalid",
    .kind = Errc::invalid,
    .meaning = "An INI file of the stages cannot be read.",
    .remedy = "Correct the line named in the message; docs/stages.md describes the format."};
inline constexpr ErrorInfo check_space{
    .id = "check.space",
    .kind = Errc::no_space,
    .meaning = "There is too little room for the operation.",
    .remedy = "Free as much as the message says is missing on that file system, then try again."};
inline constexpr ErrorInfo check_hardware{
    .id = "check.hardware",
    .kind = Errc::refused,
    .meaning = "The package is made for other hardware.",
    .remedy =
        "Obtain the package for this hardware; `cutover show version` tells the device's id."};
inline constexpr ErrorInfo check_architecture{
    .id = "check.architecture",
    .kind = Errc::refused,
    .meaning = "The package is made for another processor architecture.",
    .remedy = "Obtain the package for this architecture."};
inline constexpr ErrorInfo check_direct_upgrade{
    .id = "check.direct_upgrade",
    .kind = Errc::refused,
    .meaning = "The package cannot be installed directly over the version that runs.",
    .remedy = "Upgrade through the versions named in the message, one after the other."};
inline constexpr ErrorInfo check_epoch{
    .id = "check.epoch",
    .kind = Errc::refused,
    .meaning =
        "The package's security epoch is below the device's: it would bring back a known "
        "vulnerability.",
    .remedy = "Use a release whose epoch is not below the device's."};
inline constexpr ErrorInfo check_health{
    .id = "check.health",
    .kind = Errc::conflict,
    .meaning = "The device is not healthy now, so a trial could not be judged.",
    .remedy = "Mend what `cutover show health` lists, or go on with `--force health`."};
inline constexpr ErrorInfo check_programs{
    .id = "check.programs",
    .kind = Errc::refused,
    .meaning = "A program that the package needs is not on the device.",
    .remedy = "Install the program named in the message."};
inline constexpr ErrorInfo check_pending_reboot{
    .id = "check.pending_reboot",
    .kind = Errc::conflict,
    .meaning = "A startup was set that has not happened yet.",
    .remedy = "Restart with `cutover reboot`, or take it back with `cutover rollback`."};
inline constexpr ErrorInfo check_unknown_force{
    .id = "check.unknown_force",
    .kind = Errc::invalid,
    .meaning = "There is no check of that name, or it may not be skipped.",
    .remedy =
        "Name checks that the preview lists; see docs/operations.md for those that may be "
        "skipped."};
inline constexpr ErrorInfo trial_check_failed{
    .id = "trial.check_failed",
    .kind = Errc::conflict,
    .meaning = "What was brought on trial did not pass its health checks.",
    .remedy =
        "`cutover show operation N --log` shows what was asked and answered; install a corrected "
        "version (a base stays in its slot, marked bad)."};
inline constexpr ErrorInfo trial_boot_failed{
    .id = "trial.boot_failed",
    .kind = Errc::conflict,
    .meaning = "What the next boot was to bring did not boot.",
    .remedy =
        "`cutover show operation N --log` shows why; install a corrected version (a base stays in "
        "its slot, marked bad)."};
inline constexpr ErrorInfo trial_not_committed{
    .id = "trial.not_committed",
    .kind = Errc::timeout,
    .meaning = "Nobody committed the new base in time.",
    .remedy =
        "Activate it again with `cutover activate --force slot`, and run `cutover commit` in "
        "time."};
inline constexpr ErrorInfo operation_interrupted{
    .id = "operation.interrupted",
    .kind = Errc::cancelled,
    .meaning = "Power or the agent was lost before the commit point; the change was undone.",
    .remedy = "Start the operation again."};

inline constexpr ErrorInfo plan_pack_alone{
    .id = "plan.pack_alone",
    .kind = Errc::invalid,
    .meaning = "An update pack is applied alone: its members make one change.",
    .remedy = "Give the update pack alone, and other packages before or after it."};
inline constexpr ErrorInfo operation_pack_members{
    .id = "operation.pack_members",
    .kind = Errc::corrupt,
    .meaning = "The members of an update pack are not those that its manifest names.",
    .remedy = "Obtain the pack again from its vendor; do not install this one."};

}  // namespace cutover::errors
