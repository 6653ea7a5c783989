#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/planner.h"

// What a request makes of the packages on top of a base; the planner's, and of nobody else.
namespace cutover {

struct PackageChange {
    std::vector<PackageRef> packages;         // afterwards, in the order in which they lie
    std::vector<const OfferedPackage*> new_;  // of them, those that are read from a source
    std::vector<PackageRef> gone;             // no more, in any version
    std::vector<std::string> notes;           // carried, superseded, dropped, skipped
    std::vector<std::string> warnings;        // what is hardly meant so
};

// What `request` makes of `present` on a base with the manifest `base`. With `new_base`, patches
// that do not fit it go.
Result<PackageChange> change_packages(const PlanInput& input,
                                      const std::vector<PackageRef>& present, const Manifest& base,
                                      bool new_base);

// What the next boot of the running base starts with, where nothing else is set: patches that are
// active until then are not in it. Null when nothing runs that is known.
const Generation* generation_of_boots(const PlanInput& input);

// The package at hand that "bgp" (the newest) or "bgp@1.2" names.
Result<const OfferedPackage*> package_at_hand(const PlanInput& input, const std::string& name);

// The one of `packages` that "bgp" or "bgp@1.2" names; null when there is none.
const PackageRef* find_package(const std::vector<PackageRef>& packages, const std::string& name);

// Refuses kinds, modes and packages that the operation matrix or the request's kind does not allow.
Result<> check_request_kinds(const PlanInput& input);

std::string name_of(const PackageRef& package);  // "bgp 1.2.0"

}  // namespace cutover
