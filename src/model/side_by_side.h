#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/generation.h"
#include "model/manifest.h"

// Packages that say so may be there in two major versions at once. What a device has one of is a
// name, or of these a name and its major version: "router@1".
namespace cutover {

// The package as a generation refers to it.
PackageRef reference_to(const Manifest& manifest, const std::string& digest);

// Whether only one of both can be there: they have the same name, and are not two major versions
// that both may be there twice.
bool rivals(const PackageRef& one, const PackageRef& other);

// "web", or "router@1" of what may be there beside another.
std::string line_of(const PackageRef& package);
std::string line_of(const Manifest& manifest);

// Whether "web", "web@1.2" or, for what may be there beside another, "router@1" means it.
bool is_named(const PackageRef& package, std::string_view text);

// Whether its name or its line is among them.
bool is_among(const std::vector<std::string>& names, const PackageRef& package);

// The one of `packages` in whose place this comes; null when there is none.
const PackageRef* rival_in(const std::vector<PackageRef>& packages, const PackageRef& package);

}  // namespace cutover
