#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "model/generation.h"
#include "model/manifest.h"

namespace cutover {

// A package that could be on the device. The manifest outlives the question.
struct Candidate {
    PackageRef package;
    const Manifest* manifest = nullptr;
};

// A question to the resolver: which packages are to be on top of `base`?
struct ResolveRequest {
    const Manifest* base = nullptr;     // its name, version, provides and includes count
    std::vector<Candidate> present;     // in the order in which they lie on the base
    std::vector<Candidate> wanted;      // exactly these are to be in the answer
    std::vector<std::string> unwanted;  // and no package of these names
    std::vector<Candidate> at_hand;     // may be taken to satisfy what others require
    bool with_dependents = false;       // what needs an unwanted package goes with it
    bool drop_patches = false;  // patches that do not fit the base go: the base is a new one
};

struct Resolution {
    std::vector<Candidate> packages;   // the answer, what others require below them
    std::vector<Candidate> added;      // in it and not present, in the same order
    std::vector<PackageRef> removed;   // present and not in it, nor in another version
    std::vector<PackageRef> replaced;  // present in another version
};

// The answer keeps all that is present but what the request changes, what a wanted patch replaces,
// and what has to go with it; takes from `at_hand` only what is required, the newest first; and
// holds one version of a name. What is present gives way to a newer version at hand only where
// something that comes requires that; an uninstallation is not made good by what is at hand. Every
// package in the answer accepts the base's version, has what it requires (from a package, from what
// one provides, or from what the base includes), and conflicts with nothing. Packages lie by kind
// (hardware, feature, module, patch), then below what requires them, then as they lay.
//
// Fails with plan.unresolvable, whose cause tells a person what is missing or in the way, one
// reason a line, or with plan.needed when others need what is to go (it lists them). The search has
// a limit of steps; where it is reached, plan.unresolvable says that nothing is known.
Result<Resolution> resolve(const ResolveRequest& request);

}  // namespace cutover
