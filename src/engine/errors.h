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
inline constexpr ErrorInfo operation_config_open{
    .id = "operation.config_open",
    .kind = Errc::refused,
    .meaning = "Work on the configuration was open, and did not end in time.",
    .remedy =
        "Confirm what is on trial (`cutover config commit`) or take it back (`cutover config "
        "rollback`); `cutover config status` names services that are behind. Or give "
        "--timeout-action kill, which ends such work."};
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
inline constexpr ErrorInfo check_data{
    .id = "check.data",
    .kind = Errc::refused,
    .meaning = "A package that keeps files or configuration would go, and nothing takes its place.",
    .remedy =
        "Mark what takes its place, or keep it, with `cutover packages install NAME`; or have it "
        "go all the same with `cutover packages reload --force`."};
inline constexpr ErrorInfo check_configuration_breaks{
    .id = "check.configuration_breaks",
    .kind = Errc::refused,
    .meaning = "With the modules of the target the configuration would break their rules.",
    .remedy =
        "Change what is named with `cutover config`, or have the package bring a migration of it."};
inline constexpr ErrorInfo check_configuration_lost{
    .id = "check.configuration_lost",
    .kind = Errc::refused,
    .meaning = "The modules of the target have no place for data that the configuration holds.",
    .remedy =
        "Remove the data that is named with `cutover config delete`, or lose it with --force "
        "configuration."};
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
    .meaning = "Nobody committed what was on trial in time.",
    .remedy =
        "Start it again, a base with `cutover activate --force slot`, packages with the same "
        "command, and run `cutover commit` in time."};
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

inline constexpr ErrorInfo check_backup_space{
    .id = "check.backup_space",
    .kind = Errc::no_space,
    .meaning = "There is no room for the backup that the operation makes before it begins.",
    .remedy =
        "Make room with `cutover backup prune NAME`, or set `automatic = false` in [backup] of "
        "device.toml and restart the agent."};
inline constexpr ErrorInfo check_backup_hardware{
    .id = "check.backup_hardware",
    .kind = Errc::refused,
    .meaning = "The backup is of other hardware, or of a device that boots in another way.",
    .remedy = "Take a backup of a device of the same kind: `cutover backup show NAME` tells."};
inline constexpr ErrorInfo check_backup_device{
    .id = "check.backup_device",
    .kind = Errc::refused,
    .meaning = "The backup is of another device of the same kind.",
    .remedy =
        "To give this device the name, settings, users and configuration of that one, add "
        "`--force backup-device`; its uuid stays its own."};
inline constexpr ErrorInfo check_os{
    .id = "check.os",
    .kind = Errc::refused,
    .meaning = "The package is not made for this operating system or kernel.",
    .remedy =
        "Obtain the package for this system, or upgrade the system first; `--force os` goes "
        "on at your own risk."};
inline constexpr ErrorInfo check_libraries{
    .id = "check.libraries",
    .kind = Errc::refused,
    .meaning = "A library of the host that the package needs is missing or has the wrong version.",
    .remedy =
        "Install the version that the message names with the host's package manager, then try "
        "again."};
inline constexpr ErrorInfo check_keys{
    .id = "check.keys",
    .kind = Errc::refused,
    .meaning = "A key that the package needs is not in the device's keyring, or is not kept safe.",
    .remedy =
        "Put the key into the file that the message names, readable by its owner alone, for "
        "example `(umask 077; openssl rand -hex 32 > FILE)`; then try again."};
inline constexpr ErrorInfo check_algorithms{
    .id = "check.algorithms",
    .kind = Errc::refused,
    .meaning = "An algorithm that the package needs is not offered by OpenSSL on this device.",
    .remedy =
        "See `openssl list -providers`: enable the provider that offers it in openssl.cnf, or "
        "install a newer OpenSSL, then try again."};
inline constexpr ErrorInfo check_backup{
    .id = "check.backup",
    .kind = Errc::refused,
    .meaning = "There is no backup that this device could be restored from.",
    .remedy = "Make one with `cutover backup create`, or set `automatic = true` in [backup]."};

inline constexpr ErrorInfo check_instances{
    .id = "check.instances",
    .kind = Errc::refused,
    .meaning = "Instances in the configuration are bound to a package that is to go.",
    .remedy =
        "Move them first with `cutover migrate --from NAME@1 --to NAME@2 --all`, or delete them."};

}  // namespace cutover::errors
