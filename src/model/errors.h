#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo plan_one_base{
    .id = "plan.one_base",
    .kind = Errc::invalid,
    .meaning = "An operation takes one base package at most.",
    .remedy = "Give one base package; upgrade through intermediate versions one after the other."};
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
    .meaning = "No package of this name is on top of the base.",
    .remedy = "See `cutover show packages` for the names."};
inline constexpr ErrorInfo plan_integrated{
    .id = "plan.integrated",
    .kind = Errc::refused,
    .meaning = "The package is a part of its base, and comes and goes with it.",
    .remedy = "Install a package of the same name to replace it, or upgrade the base."};
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
    .meaning = "A package that is on top of the base is not on the device any more.",
    .remedy =
        "Install that version of the package again, or roll back to a generation without it."};
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

}  // namespace cutover::errors
