#pragma once

#include "base/error.h"

// Who is not let in, and what can be wrong with the account of it.
namespace cutover::errors {

inline constexpr ErrorInfo access_unknown{
    .id = "access.unknown",
    .kind = Errc::refused,
    .meaning =
        "The device does not know who asks: no known user with this password, no known "
        "certificate, no local user with a role.",
    .remedy =
        "See `cutover user list`, and [security.certificates] and [security.local] of "
        "device.toml; `cutover user password` sets a password anew."};
inline constexpr ErrorInfo access_too_many{
    .id = "access.too_many",
    .kind = Errc::refused,
    .meaning = "Too many wrong passwords came for this user or from this address.",
    .remedy = "Wait a minute. `cutover audit show` tells where they came from."};
inline constexpr ErrorInfo access_busy{
    .id = "access.busy",
    .kind = Errc::unavailable,
    .meaning = "More passwords wait for being checked than the device checks in time.",
    .remedy = "Try again in some seconds. `cutover audit show` tells who tries so many."};
inline constexpr ErrorInfo access_role{
    .id = "access.role",
    .kind = Errc::refused,
    .meaning = "The caller's role does not allow this.",
    .remedy =
        "Ask somebody with the role that the message names; an admin changes roles by "
        "`cutover user add`, or in [security] of device.toml."};
inline constexpr ErrorInfo access_users_damaged{
    .id = "access.users_damaged",
    .kind = Errc::corrupt,
    .meaning = "access/users.json cannot be trusted, so that no user comes in by a password.",
    .remedy =
        "Put back a copy of access/users.json, with mode 0600; or remove it and make the "
        "users again: `cutover user add NAME --role ROLE`."};
inline constexpr ErrorInfo access_no_such_user{.id = "access.no_such_user",
                                               .kind = Errc::not_found,
                                               .meaning = "The device has no user of that name.",
                                               .remedy = "See `cutover user list`."};
inline constexpr ErrorInfo access_user_exists{
    .id = "access.user_exists",
    .kind = Errc::conflict,
    .meaning = "The device has a user of that name already.",
    .remedy =
        "Set another password by `cutover user password NAME`; for another role, "
        "`cutover user remove NAME` first."};
inline constexpr ErrorInfo access_bad_user{
    .id = "access.bad_user",
    .kind = Errc::invalid,
    .meaning = "A user's name, role or password cannot be one.",
    .remedy =
        "A name has 1 to 32 of a-z, A-Z, 0-9 and ._@-, and begins with none of the last "
        "four; a role is viewer, operator or admin; a password has 8 to 1024 bytes."};
inline constexpr ErrorInfo access_audit_broken{
    .id = "access.audit_broken",
    .kind = Errc::untrusted,
    .meaning =
        "The audit log is not as it was written: somebody changed it, or its storage "
        "failed.",
    .remedy =
        "Keep a copy of the folder access/ for whoever looks into it. Then remove "
        "audit.log* and audit.head there: a new log begins."};

}  // namespace cutover::errors
