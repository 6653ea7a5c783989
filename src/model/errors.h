#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo plan_one_base{
    .id = "plan.one_base",
    .kind = Errc::invalid,
    .meaning = "An operation takes one base package.",
    .remedy = "Give one base package; upgrade through intermediate versions one after the other."};
inline constexpr ErrorInfo plan_kind_unsupported{
    .id = "plan.kind_unsupported",
    .kind = Errc::unsupported,
    .meaning = "This version of the agent installs base packages only.",
    .remedy = "Upgrade the base to a version that contains the change."};
inline constexpr ErrorInfo plan_base_in_service{
    .id = "plan.base_in_service",
    .kind = Errc::refused,
    .meaning = "A base package takes effect at a startup, never in service.",
    .remedy = "Leave `--mode in-service` out (the device reboots), or use `--mode next-startup`."};
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
