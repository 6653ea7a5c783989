#include "model/resolver_problem.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <map>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "model/clause_solver.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/operation_matrix.h"
#include "model/package_kind.h"
#include "model/resolver.h"
#include "model/side_by_side.h"
#include "model/version.h"

namespace cutover {
namespace {

using Standing = ResolverNode::Standing;
using RuleKind = ResolverRule::Kind;

bool lies_on_a_base(PackageKind kind) {
    return kind != PackageKind::base && kind != PackageKind::pack;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

bool replaces(const Candidate& patch, const Candidate& other) {
    const auto& names = patch.manifest->replaces;
    return other.package.kind == PackageKind::patch &&
           (contains(names, "*") || contains(names, other.package.name));
}

bool fits_base(const Candidate& candidate, const Manifest& base) {
    return candidate.manifest->compatible.base.accepts(base.version);
}

bool is_superseded(const Candidate& patch, const Manifest& base) {
    return std::ranges::any_of(base.includes, [&](const IncludedPackage& included) {
        return included.name == patch.package.name && included.version >= patch.package.version;
    });
}

// Makes a problem of a request, in the order of its public functions.
class ProblemMaker {
public:
    explicit ProblemMaker(const ResolveRequest& request) : request_(request) {
        problem_.request = &request;
    }

    Result<> sort_present();
    void add_at_hand();
    void admit_what_is_required();
    void make_rules();
    ResolverProblem take() { return std::move(problem_); }

private:
    const Manifest& base() const { return *request_.base; }
    const Candidate& at(int node) const {
        return *problem_.nodes[static_cast<std::size_t>(node)].candidate;
    }
    Standing standing(int node) const {
        return problem_.nodes[static_cast<std::size_t>(node)].standing;
    }
    bool admitted(int node) const {
        return problem_.nodes[static_cast<std::size_t>(node)].admitted;
    }
    const Candidate* wanted_in_place_of(const PackageRef& package) const;
    bool is_wanted(std::string_view name) const;
    std::vector<int> kept_rivals(const PackageRef& package) const;
    bool replaced_by_wanted(const Candidate& candidate) const;
    bool stays(const Candidate& present) const;
    std::vector<std::string> contradictions(const std::vector<const Candidate*>& kept) const;
    bool is_left(const std::vector<const Candidate*>& kept, std::string_view key,
                 const VersionRange& range) const;
    Result<> drop_dependents(std::vector<const Candidate*>& kept) const;
    void add_node(const Candidate& candidate, Standing standing);
    bool may_come(int asking, const VersionRange& range, std::string_view key, int node) const;
    void admit_for(int asking, std::vector<int>& open);
    std::vector<int> suppliers(std::string_view key, const VersionRange& range) const;
    const std::vector<int>& named(std::string_view name) const;
    int some_named(std::string_view name);
    void add_rule(Clause clause, RuleKind kind, int node, std::string_view key = {}, int other = 0);
    void require(int node, std::string_view key, const VersionRange& range);
    void forbid(int node, std::string_view key, const VersionRange& range);
    void add_rivals(const std::vector<int>& nodes);

    const ResolveRequest& request_;
    ResolverProblem problem_;
    SupplyIndex supplies_;
    // Nodes that are present and not wanted, by name.
    std::unordered_map<std::string_view, std::vector<int>> kept_;
    std::unordered_set<std::string_view> digests_;  // of the nodes, and of all that is present
    std::map<std::string_view, std::vector<int>> by_name_;  // admitted nodes
    std::unordered_map<std::string_view, int> some_named_;
};

const Candidate* ProblemMaker::wanted_in_place_of(const PackageRef& package) const {
    const auto found = std::ranges::find_if(
        request_.wanted, [&](const Candidate& wanted) { return rivals(wanted.package, package); });
    return found == request_.wanted.end() ? nullptr : &*found;
}

bool ProblemMaker::is_wanted(std::string_view name) const {
    return std::ranges::any_of(
        request_.wanted, [&](const Candidate& wanted) { return wanted.package.name == name; });
}

std::vector<int> ProblemMaker::kept_rivals(const PackageRef& package) const {
    std::vector<int> nodes;
    const auto found = kept_.find(package.name);
    if (found == kept_.end()) return nodes;
    std::ranges::copy_if(found->second, std::back_inserter(nodes),
                         [&](int node) { return rivals(at(node).package, package); });
    return nodes;
}

bool ProblemMaker::replaced_by_wanted(const Candidate& candidate) const {
    return std::ranges::any_of(
        request_.wanted, [&](const Candidate& wanted) { return replaces(wanted, candidate); });
}

bool ProblemMaker::stays(const Candidate& present) const {
    if (is_among(request_.unwanted, present.package)) return false;
    if (wanted_in_place_of(present.package) != nullptr || replaced_by_wanted(present)) return false;
    const bool may_drop = request_.drop_patches && present.package.kind == PackageKind::patch;
    return !may_drop || (fits_base(present, base()) && !is_superseded(present, base()));
}

std::vector<std::string> ProblemMaker::contradictions(
    const std::vector<const Candidate*>& kept) const {
    std::vector<std::string> reasons;
    for (const auto& wanted : request_.wanted) {
        const auto& package = wanted.package;
        if (!lies_on_a_base(package.kind))
            reasons.push_back(fmt::format("{} is a {} package, which does not lie on a base",
                                          label(package), to_string(package.kind)));
        if (is_among(request_.unwanted, package))
            reasons.push_back(
                fmt::format("{} is wanted, and {} is to go", label(package), package.name));
        const auto& first = wanted_in_place_of(package)->package;
        if (first.digest != package.digest)
            reasons.push_back(fmt::format("{} and {} are both wanted: there can be one version",
                                          label(first), label(package)));
    }
    std::map<std::string_view, std::vector<const Candidate*>> names;
    for (const auto* present : kept) {
        auto& before = names[present->package.name];
        for (const auto* const other : before)
            if (rivals(other->package, present->package))
                reasons.push_back(
                    fmt::format("{} and {} are both present: there can be one version",
                                label(other->package), label(present->package)));
        before.push_back(present);
    }
    return reasons;
}

// Does a package that stays, one that is wanted, or the base have it?
bool ProblemMaker::is_left(const std::vector<const Candidate*>& kept, std::string_view key,
                           const VersionRange& range) const {
    const auto has = [&](const Candidate* candidate) { return supplies(*candidate, key, range); };
    const auto has_wanted = [&](const Candidate& candidate) { return has(&candidate); };
    const auto is_named = [&](const Candidate* candidate) {
        return candidate->package.name == key;
    };
    if (base_supplies(base(), key, range) || std::ranges::any_of(kept, has) ||
        std::ranges::any_of(request_.wanted, has_wanted))
        return true;
    return base_includes(base(), key, range) && !is_wanted(key) &&
           std::ranges::none_of(kept, is_named);
}

// What needs an unwanted package goes with it, or the request fails. What is at hand does not
// count: an uninstallation brings nothing new unless it is asked for.
Result<> ProblemMaker::drop_dependents(std::vector<const Candidate*>& kept) const {
    std::vector<const Candidate*> going;
    for (const auto& present : request_.present)
        if (is_among(request_.unwanted, present.package)) going.push_back(&present);
    const auto unwanted = going.size();
    std::vector<std::string> needed;
    std::vector<std::string> reasons;
    for (std::size_t i = 0; i < going.size(); ++i) {
        const auto* const gone = going[i];
        const auto loses = [&](const Candidate* present) {
            const auto missing =
                std::ranges::find_if(present->manifest->needs, [&](const auto& need) {
                    return supplies(*gone, need.first, need.second) &&
                           !is_left(kept, need.first, need.second);
                });
            if (missing == present->manifest->needs.end()) return false;
            reasons.push_back(requirement_text(present->package, missing->first, missing->second));
            return true;
        };
        const auto before = going.size();
        for (auto next = std::ranges::find_if(kept, loses); next != kept.end();
             next = std::find_if(next, kept.end(), loses)) {
            going.push_back(*next);
            next = kept.erase(next);
        }
        if (i < unwanted && going.size() > before) needed.push_back(label(gone->package));
    }
    if (going.size() == unwanted || request_.with_dependents) return {};
    std::vector<std::string> dependents;
    for (const auto* dependent : going | std::views::drop(unwanted))
        dependents.push_back(label(dependent->package));
    auto error =
        make_error(errors::plan_needed,
                   fmt::format("{} {} needed by {}", fmt::join(needed, ", "),
                               needed.size() == 1 ? "is" : "are", fmt::join(dependents, ", ")));
    error.set_cause(fmt::format("{}", fmt::join(reasons, "\n")));
    return std::unexpected(std::move(error));
}

Result<> ProblemMaker::sort_present() {
    std::vector<const Candidate*> kept;
    for (const auto& present : request_.present)
        if (stays(present)) kept.push_back(&present);
    if (const auto reasons = contradictions(kept); !reasons.empty()) {
        auto error = make_error(errors::plan_unresolvable, "the request contradicts itself");
        error.set_cause(fmt::format("{}", fmt::join(reasons, "\n")));
        return std::unexpected(std::move(error));
    }
    TRY(drop_dependents(kept));
    for (const auto& wanted : request_.wanted)
        if (!digests_.contains(wanted.package.digest)) add_node(wanted, Standing::wanted);
    for (const auto* present : kept) {
        kept_[present->package.name].push_back(static_cast<int>(problem_.nodes.size()));
        add_node(*present, Standing::present);
    }
    for (const auto& present : request_.present) digests_.insert(present.package.digest);
    return {};
}

void ProblemMaker::add_node(const Candidate& candidate, Standing standing) {
    const int node = static_cast<int>(problem_.nodes.size());
    problem_.nodes.push_back(
        {.candidate = &candidate, .standing = standing, .admitted = standing != Standing::at_hand});
    digests_.insert(candidate.package.digest);
    supplies_[candidate.package.name].push_back(
        {.node = node, .version = &candidate.package.version});
    for (const auto& [name, version] : candidate.manifest->provides)
        supplies_[name].push_back({.node = node, .version = &version});
}

// The newest of a name first, so that it is tried first. A patch that would replace what stays
// comes only by its own name.
void ProblemMaker::add_at_hand() {
    std::vector<const Candidate*> usable;
    for (const auto& candidate : request_.at_hand) {
        const auto& package = candidate.package;
        const auto replaces_some = [&](const auto& kept) {
            return std::ranges::any_of(kept.second,
                                       [&](int node) { return replaces(candidate, at(node)); });
        };
        if (!lies_on_a_base(package.kind) || is_among(request_.unwanted, package) ||
            wanted_in_place_of(package) != nullptr || replaced_by_wanted(candidate) ||
            std::ranges::any_of(kept_, replaces_some))
            continue;
        usable.push_back(&candidate);
    }
    std::ranges::sort(usable, [](const Candidate* a, const Candidate* b) {
        return std::tie(a->package.name, b->package.version, a->package.digest) <
               std::tie(b->package.name, a->package.version, b->package.digest);
    });
    for (const auto* candidate : usable)
        if (!digests_.contains(candidate->package.digest)) add_node(*candidate, Standing::at_hand);
}

// What is present is upgraded only for what is wanted, or comes for it, and requires a newer one.
// A patch or a module is not: the matrix has no such row.
bool ProblemMaker::may_come(int asking, const VersionRange& range, std::string_view key,
                            int node) const {
    const auto kept = kept_rivals(at(node).package);
    if (kept.empty()) return true;
    if (!matrix_cell(at(node).package.kind, OperationKind::upgrade, Mode::automatic).allowed)
        return false;
    return standing(asking) != Standing::present && std::ranges::all_of(kept, [&](int rival) {
               return at(node).package.version > at(rival).package.version &&
                      !supplies(at(rival), key, range);
           });
}

void ProblemMaker::admit_for(int asking, std::vector<int>& open) {
    for (const auto& [key, range] : at(asking).manifest->needs) {
        if (base_supplies(base(), key, range) || supplies(at(asking), key, range)) continue;
        const auto found = supplies_.find(key);
        if (found == supplies_.end()) continue;
        for (const auto& [node, version] : found->second) {
            auto& entry = problem_.nodes[static_cast<std::size_t>(node)];
            if (entry.admitted || !range.accepts(*version) || !may_come(asking, range, key, node))
                continue;
            entry.admitted = true;
            open.push_back(node);
        }
    }
}

void ProblemMaker::admit_what_is_required() {
    std::vector<int> open;
    for (int node = 0; node < static_cast<int>(problem_.nodes.size()); ++node)
        if (admitted(node)) open.push_back(node);
    while (!open.empty()) {
        const int node = open.back();
        open.pop_back();
        admit_for(node, open);
    }
}

// Admitted nodes, what is there already first, then those of this name, the newest first.
std::vector<int> ProblemMaker::suppliers(std::string_view key, const VersionRange& range) const {
    std::vector<int> nodes;
    const auto found = supplies_.find(key);
    if (found == supplies_.end()) return nodes;
    for (const auto& [node, version] : found->second)
        if (admitted(node) && range.accepts(*version)) nodes.push_back(node);
    const auto order = [&](int node) {
        return std::tuple(standing(node), at(node).package.name != key, node);
    };
    std::ranges::sort(nodes, {}, order);
    nodes.erase(std::ranges::unique(nodes).begin(), nodes.end());
    return nodes;
}

const std::vector<int>& ProblemMaker::named(std::string_view name) const {
    static const std::vector<int> nobody;
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nobody : found->second;
}

// A variable that holds when any package of the name is in the answer.
int ProblemMaker::some_named(std::string_view name) {
    const auto [place, is_new] = some_named_.emplace(name, 0);
    if (is_new) {
        place->second = static_cast<int>(++problem_.variables);
        for (const int node : named(name))
            add_rule({-(node + 1), place->second}, RuleKind::stays, node);
    }
    return place->second;
}

void ProblemMaker::add_rule(Clause clause, RuleKind kind, int node, std::string_view key,
                            int other) {
    problem_.rules.push_back(
        {.clause = std::move(clause), .kind = kind, .node = node, .key = key, .other = other});
}

void ProblemMaker::require(int node, std::string_view key, const VersionRange& range) {
    if (base_supplies(base(), key, range) || supplies(at(node), key, range)) return;
    Clause clause{-(node + 1)};
    if (base_includes(base(), key, range)) {
        if (named(key).empty()) return;
        clause.push_back(-some_named(key));
    }
    for (const int supplier : suppliers(key, range)) clause.push_back(supplier + 1);
    add_rule(std::move(clause), RuleKind::requirement, node, key);
}

void ProblemMaker::forbid(int node, std::string_view key, const VersionRange& range) {
    const auto& own_name = at(node).package.name;
    Clause clause{-(node + 1)};
    if (base_supplies(base(), key, range)) {
        add_rule(clause, RuleKind::base_conflict, node, key);
    } else if (base_includes(base(), key, range) && own_name != key) {
        for (const int other : named(key)) clause.push_back(other + 1);
        add_rule(std::move(clause), RuleKind::base_conflict, node, key);
    }
    for (const int other : suppliers(key, range))
        if (!rivals(at(other).package, at(node).package))
            add_rule({-(node + 1), -(other + 1)}, RuleKind::conflict, node, key, other);
}

// Of the nodes of one name: those of a major version exclude each other, and those that cannot be
// there beside another exclude all.
void ProblemMaker::add_rivals(const std::vector<int>& nodes) {
    std::map<std::uint32_t, std::vector<int>> majors;
    std::vector<int> alone;
    for (const int node : nodes) {
        const auto& package = at(node).package;
        auto& group = package.side_by_side ? majors[package.version.part(0)] : alone;
        group.push_back(node + 1);
    }
    if (majors.empty()) problem_.rivals.push_back(alone);
    for (auto& [major, group] : majors) {
        group.insert(group.end(), alone.begin(), alone.end());
        problem_.rivals.push_back(std::move(group));
    }
}

void ProblemMaker::make_rules() {
    problem_.variables = problem_.nodes.size();
    const int count = static_cast<int>(problem_.nodes.size());
    for (int node = 0; node < count; ++node)
        if (admitted(node)) by_name_[at(node).package.name].push_back(node);
    for (const auto& [name, nodes] : by_name_) add_rivals(nodes);
    for (int node = 0; node < count; ++node) {
        if (!admitted(node)) continue;
        const auto& candidate = at(node);
        if (standing(node) == Standing::wanted) {
            add_rule({node + 1}, RuleKind::stays, node);
        } else if (standing(node) == Standing::present) {
            Clause some_version;  // the present one is the first of its name
            for (const int version : named(candidate.package.name))
                if (rivals(at(version).package, candidate.package))
                    some_version.push_back(version + 1);
            add_rule(std::move(some_version), RuleKind::stays, node);
        }
        if (!fits_base(candidate, base())) add_rule({-(node + 1)}, RuleKind::base, node);
        for (const auto& [key, range] : candidate.manifest->needs) require(node, key, range);
        for (const auto& [key, range] : candidate.manifest->conflicts) forbid(node, key, range);
    }
}

}  // namespace

bool supplies(const Candidate& candidate, std::string_view key, const VersionRange& range) {
    if (candidate.package.name == key && range.accepts(candidate.package.version)) return true;
    const auto provided = candidate.manifest->provides.find(std::string(key));
    return provided != candidate.manifest->provides.end() && range.accepts(provided->second);
}

bool base_supplies(const Manifest& base, std::string_view key, const VersionRange& range) {
    if (base.name == key && range.accepts(base.version)) return true;
    const auto provided = base.provides.find(std::string(key));
    return provided != base.provides.end() && range.accepts(provided->second);
}

bool base_includes(const Manifest& base, std::string_view key, const VersionRange& range) {
    return std::ranges::any_of(base.includes, [&](const IncludedPackage& included) {
        return included.name == key && range.accepts(included.version);
    });
}

Result<ResolverProblem> make_problem(const ResolveRequest& request) {
    ProblemMaker maker(request);
    TRY(maker.sort_present());
    maker.add_at_hand();
    maker.admit_what_is_required();
    maker.make_rules();
    return maker.take();
}

}  // namespace cutover
