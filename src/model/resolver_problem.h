#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "model/clause_solver.h"
#include "model/manifest.h"
#include "model/resolver.h"

namespace cutover {

// A package that may be in the answer; its variable is its place among all of them, from 1.
struct ResolverNode {
    enum class Standing : std::uint8_t { wanted, present, at_hand };
    const Candidate* candidate = nullptr;
    Standing standing = Standing::at_hand;
    bool admitted = true;  // of what is at hand: something can require it
};

// What an answer must fulfil, and what a person is told where it cannot.
struct ResolverRule {
    enum class Kind : std::uint8_t { stays, base, requirement, base_conflict, conflict };
    Clause clause;
    Kind kind = Kind::stays;
    int node = 0;
    std::string_view key;  // of a requirement or a conflict
    int other = 0;         // of a conflict between packages
};

// A question as clauses. Its pointers are into the request.
struct ResolverProblem {
    const ResolveRequest* request = nullptr;
    std::vector<ResolverNode> nodes;
    std::size_t variables = 0;  // of the nodes, then those that stand for "a package of this name"
    std::vector<std::vector<int>> rivals;  // versions of one name
    std::vector<ResolverRule> rules;
};

// Where a name is had from: a package of this name, or one that provides it.
struct Supply {
    int node = 0;
    const Version* version = nullptr;
    bool operator==(const Supply&) const = default;
};
using SupplyIndex = std::unordered_map<std::string_view, std::vector<Supply>>;

// Fails with plan.needed, and with plan.unresolvable for a request that contradicts itself.
Result<ResolverProblem> make_problem(const ResolveRequest& request);

// The cause of plan.unresolvable, one reason a line, from rules that contradict each other.
std::string explain(const ResolverProblem& problem, const std::vector<std::size_t>& rules);

std::string label(const PackageRef& package);  // "bgp 8.5"
// "bgp 8.5 requires routing >=1.0"
std::string requirement_text(const PackageRef& package, std::string_view key,
                             const VersionRange& range);

// Does the package have `key` in an accepted version, by its name or by what it provides?
bool supplies(const Candidate& candidate, std::string_view key, const VersionRange& range);
bool base_supplies(const Manifest& base, std::string_view key, const VersionRange& range);
// A feature that the base includes counts while no package of its name is in the answer.
bool base_includes(const Manifest& base, std::string_view key, const VersionRange& range);

}  // namespace cutover
