#pragma once

#include "base/error.h"

// What can be wrong with a manifest or with the package.toml that it is made from.
namespace cutover::errors {

inline constexpr ErrorInfo manifest_invalid{
    .id = "manifest.invalid",
    .kind = Errc::invalid,
    .meaning = "The manifest says something that no package may say.",
    .remedy = "The package has to be built again by its vendor, with the value corrected."};
inline constexpr ErrorInfo manifest_not_canonical{
    .id = "manifest.not_canonical",
    .kind = Errc::invalid,
    .meaning = "The manifest is not written down in the one way in which it may be.",
    .remedy = "The package has to be built with `cutover package build`."};
inline constexpr ErrorInfo manifest_unknown_schema{
    .id = "manifest.unknown_schema",
    .kind = Errc::unsupported,
    .meaning = "The package was made for a newer version of cutover.",
    .remedy = "Upgrade to a release in between that brings a newer cutover, then try again."};
inline constexpr ErrorInfo spec_syntax{.id = "spec.syntax",
                                       .kind = Errc::invalid,
                                       .meaning = "package.toml is not valid TOML.",
                                       .remedy = "Correct the line named in the message."};
inline constexpr ErrorInfo spec_unknown_key{
    .id = "spec.unknown_key",
    .kind = Errc::invalid,
    .meaning = "package.toml has a key that this version of cutover does not know.",
    .remedy = "Correct the spelling of the key on the line named, or remove it."};
inline constexpr ErrorInfo spec_bad_value{
    .id = "spec.bad_value",
    .kind = Errc::invalid,
    .meaning = "A value in package.toml has the wrong type or is out of its range.",
    .remedy = "Give the key on the line named a value of the kind that the message describes."};

}  // namespace cutover::errors
