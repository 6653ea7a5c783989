#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo plan_one_base{
    .id = "plan.one_base",
    .kind = Errc::invalid,
    .meaning = "An operation takes one base package at most.",
    .remedy = "Give one base package; upgrade through intermediate versions one after the other."};
inline constexpr ErrorInfo plan_other_image{
    .id = "plan.other_image",
    .kind = Errc::refused,
    .meaning = "The file holds something else than the base that was asked for.",
    .remedy = "Name the file of that base, or ask for the name and version that the file has."};
inline constexpr ErrorInfo plan_running_base{
    .id = "plan.running_base",
    .kind = Errc::refused,
    .meaning = "The file holds the base that runs, and another one was asked for.",
    .remedy = "Nothing to do; `cutover show version` tells what runs."};
inline constexpr ErrorInfo plan_present{
    .id = "plan.present",
    .kind = Errc::refused,
    .meaning = "The device has exactly this package on top of its base already.",
    .remedy = "Nothing to do; `cutover show packages` lists what is there."};
inline constexpr ErrorInfo plan_other_version{
    .id = "plan.other_version",
    .kind = Errc::refused,
    .meaning = "The device has another version of the package.",
    .remedy = "Use `cutover upgrade FILE`; a patch or a module is uninstalled first."};
inline constexpr ErrorInfo plan_not_at_hand{
    .id = "plan.not_at_hand",
    .kind = Errc::not_found,
    .meaning = "The device has obtained no package of this name and version.",
    .remedy =
        "Obtain it with `cutover packages fetch FILE`; `cutover show packages` lists what is "
        "at hand."};
inline constexpr ErrorInfo plan_not_present{
    .id = "plan.not_present",
    .kind = Errc::not_found,
    .meaning = "No package of this name, or none of this version, is on top of the base.",
    .remedy = "See `cutover show packages` for the names."};
inline constexpr ErrorInfo plan_two_lines{
    .id = "plan.two_lines",
    .kind = Errc::invalid,
    .meaning = "Two major versions of the package are there, side by side, and one must be meant.",
    .remedy = "Name it with its major version, as in NAME@2."};
inline constexpr ErrorInfo plan_integrated{
    .id = "plan.integrated",
    .kind = Errc::refused,
    .meaning = "The package is a part of its base, and comes and goes with it.",
    .remedy = "Install a package of the same name to replace it, or upgrade the base."};
inline constexpr ErrorInfo plan_other_kind{
    .id = "plan.other_kind",
    .kind = Errc::refused,
    .meaning = "The command is for packages of one kind, and this is another.",
    .remedy = "Use `cutover install`, `cutover packages fetch` or `cutover uninstall`."};
inline constexpr ErrorInfo plan_in_use{
    .id = "plan.in_use",
    .kind = Errc::refused,
    .meaning = "Only what is obtained and not on top of the base is dropped.",
    .remedy =
        "Take it off with `cutover uninstall NAME`; another version that is only obtained is named "
        "with it: `cutover packages drop NAME@VERSION`."};
inline constexpr ErrorInfo plan_only_patches{
    .id = "plan.only_patches",
    .kind = Errc::refused,
    .meaning = "Only patches are activated until the next boot.",
    .remedy = "Use `cutover install` for packages of other kinds."};
inline constexpr ErrorInfo plan_not_active{
    .id = "plan.not_active",
    .kind = Errc::refused,
    .meaning = "The patch does not run, or is kept over reboots already.",
    .remedy =
        "Activate it first: `cutover patch active NAME`; `cutover patch show` tells its state."};
inline constexpr ErrorInfo plan_nothing_selected{
    .id = "plan.nothing_selected",
    .kind = Errc::refused,
    .meaning = "No package is marked for the next reload.",
    .remedy = "Mark some with `cutover packages install NAME` or `deinstall NAME` first."};
inline constexpr ErrorInfo plan_pack_base{
    .id = "plan.pack_base",
    .kind = Errc::refused,
    .meaning = "The update pack is for another version of the base.",
    .remedy = "Get the pack that is made for the base that runs, or upgrade the base first."};
inline constexpr ErrorInfo plan_pack_not_newer{
    .id = "plan.pack_not_newer",
    .kind = Errc::refused,
    .meaning = "The device has the pack's update level, or a higher one.",
    .remedy = "Nothing to do; `cutover show version` tells the update level."};
inline constexpr ErrorInfo plan_no_packages{
    .id = "plan.no_packages",
    .kind = Errc::invalid,
    .meaning = "The operation needs packages, and none was named.",
    .remedy = "Name files, URLs or packages at hand; see `cutover show packages`."};
inline constexpr ErrorInfo plan_package_lost{
    .id = "plan.package_lost",
    .kind = Errc::corrupt,
    .meaning = "The content of a package that is on top of the base is lost or damaged.",
    .remedy =
        "Install exactly this version again with `cutover install FILE`, all of them in one "
        "command; or give it up with `cutover uninstall NAME`, or with `cutover rollback` to a "
        "generation without it."};
inline constexpr ErrorInfo plan_no_standby{
    .id = "plan.no_standby",
    .kind = Errc::refused,
    .meaning = "The standby slot holds no base that could be booted.",
    .remedy = "Install a base first: `cutover install FILE`."};
inline constexpr ErrorInfo plan_standby_bad{
    .id = "plan.standby_bad",
    .kind = Errc::refused,
    .meaning = "The base in the standby slot failed a trial.",
    .remedy = "Install a corrected version, or try it again with `--force slot`."};
inline constexpr ErrorInfo plan_never_committed{
    .id = "plan.never_committed",
    .kind = Errc::refused,
    .meaning =
        "A revert skips the health checks, so it goes only to a base that was committed once.",
    .remedy = "Use `cutover activate`: it runs the checks and falls back by itself."};
inline constexpr ErrorInfo plan_generation_unknown{
    .id = "plan.generation_unknown",
    .kind = Errc::not_found,
    .meaning = "There is no such generation, or none before this one.",
    .remedy = "Choose one that `cutover show generations` lists as kept."};
inline constexpr ErrorInfo plan_generation_not_kept{
    .id = "plan.generation_not_kept",
    .kind = Errc::refused,
    .meaning = "The base of that generation is in no slot any more.",
    .remedy = "Install its base package again: `cutover upgrade FILE`."};
inline constexpr ErrorInfo plan_already_running{
    .id = "plan.already_running",
    .kind = Errc::refused,
    .meaning = "That generation runs already.",
    .remedy = "Nothing to do; `cutover show version` tells what runs."};
inline constexpr ErrorInfo plan_nothing_on_trial{
    .id = "plan.nothing_on_trial",
    .kind = Errc::refused,
    .meaning = "No operation awaits a commit.",
    .remedy = "Nothing to do; `cutover show version` tells what is committed."};
inline constexpr ErrorInfo plan_reset_on_trial{
    .id = "plan.reset_on_trial",
    .kind = Errc::refused,
    .meaning = "A factory reset begins with the committed base; another one runs.",
    .remedy = "Restart the device first: `cutover reboot`."};
inline constexpr ErrorInfo plan_no_factory_base{
    .id = "plan.no_factory_base",
    .kind = Errc::refused,
    .meaning = "The base that the device was made with does not run, or is not known any more.",
    .remedy = "Reset it with the base that runs, or install the first one again before that."};
inline constexpr ErrorInfo plan_matrix{
    .id = "plan.matrix",
    .kind = Errc::refused,
    .meaning = "The kind of package does not allow this operation, or not in this mode.",
    .remedy = "Do what the message says instead; `cutover help` lists the operations."};
inline constexpr ErrorInfo plan_unresolvable{
    .id = "plan.unresolvable",
    .kind = Errc::refused,
    .meaning = "No set of the packages at hand has all that is asked for and fits together.",
    .remedy = "Bring what is missing, or leave out what is in the way, as the cause says."};
inline constexpr ErrorInfo plan_needed{
    .id = "plan.needed",
    .kind = Errc::refused,
    .meaning = "Other packages need what is to be uninstalled.",
    .remedy = "Keep it, or have all that needs it go with it: `--with-dependents`."};

inline constexpr ErrorInfo plan_no_backup{
    .id = "plan.no_backup",
    .kind = Errc::invalid,
    .meaning = "A restore takes one backup.",
    .remedy = "Name one: `cutover backup list` shows those that the device keeps."};
inline constexpr ErrorInfo plan_restore_on_trial{
    .id = "plan.restore_on_trial",
    .kind = Errc::conflict,
    .meaning = "What runs is on trial, so the next boot may run something else.",
    .remedy = "Run `cutover commit` or `cutover rollback` first."};
inline constexpr ErrorInfo plan_backup_standby{
    .id = "plan.backup_standby",
    .kind = Errc::refused,
    .meaning = "The base that the backup is of is in the standby slot, and does not run.",
    .remedy = "Go back to that base with `cutover rollback`, then restore."};
inline constexpr ErrorInfo plan_backup_base{
    .id = "plan.backup_base",
    .kind = Errc::refused,
    .meaning = "The backup is of a base that the device does not have.",
    .remedy = "Bring exactly that base with `cutover upgrade FILE`, then restore."};

}  // namespace cutover::errors
