#pragma once

#include "base/error.h"

namespace cutover::errors {

inline constexpr ErrorInfo config_module{
    .id = "config.module",
    .kind = Errc::invalid,
    .meaning = "A YANG module cannot be used.",
    .remedy =
        "Correct the module, or bring those that it imports in the same package; `yanglint` "
        "checks them on any machine."};
inline constexpr ErrorInfo config_unreadable{
    .id = "config.unreadable",
    .kind = Errc::invalid,
    .meaning = "The text is no configuration of the device's YANG modules.",
    .remedy = "Correct what is named, or look which modules the device has."};
inline constexpr ErrorInfo config_invalid{
    .id = "config.invalid",
    .kind = Errc::invalid,
    .meaning = "The configuration breaks a rule of its YANG modules.",
    .remedy = "Change what is named until the rule is kept, and try again."};
inline constexpr ErrorInfo config_no_such_path{
    .id = "config.no_such_path",
    .kind = Errc::not_found,
    .meaning = "There is nothing in the configuration at that path.",
    .remedy =
        "Look at what there is; a path begins with a module's name, as in "
        "/ietf-system:system/hostname."};

inline constexpr ErrorInfo config_migration{
    .id = "config.migration",
    .kind = Errc::invalid,
    .meaning = "A migration of configuration data cannot be read, or cannot be done.",
    .remedy = "Correct the named step of the package's migration, or the data that is in its way."};

inline constexpr ErrorInfo config_conflict{
    .id = "config.conflict",
    .kind = Errc::conflict,
    .meaning = "Somebody else has committed a change of what this session has changed too.",
    .remedy =
        "Look at both with `cutover config diff`, then discard the candidate, and change again "
        "what is still wanted."};
inline constexpr ErrorInfo config_nothing_to_commit{
    .id = "config.nothing_to_commit",
    .kind = Errc::conflict,
    .meaning = "The session has changed nothing, and no commit waits to be confirmed.",
    .remedy = "Change something first with `cutover config set`, or name the session that has."};
inline constexpr ErrorInfo config_read_only{
    .id = "config.read_only",
    .kind = Errc::conflict,
    .meaning = "An operation changes the modules of the configuration: no commit is taken.",
    .remedy =
        "Wait until the operation is over (`cutover show operations`); the candidate is kept."};
inline constexpr ErrorInfo config_unusable{
    .id = "config.unusable",
    .kind = Errc::corrupt,
    .meaning = "The modules that the running packages bring are not at hand, or cannot be used.",
    .remedy = "Install the package that is named again."};
inline constexpr ErrorInfo config_no_such_revision{
    .id = "config.no_such_revision",
    .kind = Errc::not_found,
    .meaning = "There is no such revision, or not for the modules of what runs.",
    .remedy = "See which there are with `cutover config history`."};
inline constexpr ErrorInfo config_on_trial{
    .id = "config.on_trial",
    .kind = Errc::conflict,
    .meaning = "A commit waits to be confirmed.",
    .remedy = "Confirm it with `cutover config commit`, or end it with `cutover config rollback`."};
inline constexpr ErrorInfo config_too_large{
    .id = "config.too_large",
    .kind = Errc::invalid,
    .meaning = "The configuration, or the change of it, is larger than a device takes.",
    .remedy = "Make the change in smaller parts."};
inline constexpr ErrorInfo config_would_break{
    .id = "config.would_break",
    .kind = Errc::conflict,
    .meaning = "With the new modules the configuration would break their rules.",
    .remedy = "Change what is named before, or install a package that brings the migration of it."};
inline constexpr ErrorInfo config_would_lose{
    .id = "config.would_lose",
    .kind = Errc::conflict,
    .meaning = "The new modules have no place for data that the configuration holds.",
    .remedy = "Take a backup and remove the data that is named, or give --force to lose it."};

inline constexpr ErrorInfo config_no_side{
    .id = "config.no_side",
    .kind = Errc::not_found,
    .meaning = "Instances are moved between packages that are installed side by side.",
    .remedy =
        "Name two major versions that `cutover show packages` lists, each as NAME@MAJOR; install "
        "the one that is missing."};
inline constexpr ErrorInfo config_not_bound{
    .id = "config.not_bound",
    .kind = Errc::not_found,
    .meaning = "The path is no instance that is bound to the package it is to be moved from.",
    .remedy =
        "See which are with `cutover migrate --all --dry-run`; a path is that of a list entry, as "
        "in /dev:devices/device[name='r1']."};

}  // namespace cutover::errors
