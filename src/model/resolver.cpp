// A request becomes clauses (resolver_problem.h), an answer is sought (clause_solver.h), then made
// smaller until each package that comes is needed, and put in order.

#include "model/resolver.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "model/clause_solver.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/resolver_problem.h"
#include "model/side_by_side.h"

namespace cutover {
namespace {

// A step takes about 10 ns; most questions with 1,000 packages at hand take some ten thousands.
constexpr std::size_t kMostSteps = 5'000'000;

ClauseSolver solver_of(const ResolverProblem& problem, std::size_t steps) {
    ClauseSolver solver(problem.variables, steps);
    for (const auto& rivals : problem.rivals) solver.at_most_one(rivals);
    return solver;
}

std::vector<int> chosen(const ResolverProblem& problem, const ClauseSolver& solver) {
    std::vector<int> nodes;
    for (int node = 0; node < static_cast<int>(problem.nodes.size()); ++node)
        if (solver.holds(node + 1)) nodes.push_back(node);
    return nodes;
}

bool is_at_hand(const ResolverProblem& problem, int node) {
    return problem.nodes[static_cast<std::size_t>(node)].standing ==
           ResolverNode::Standing::at_hand;
}

// Leaves out of rules that contradict each other what the contradiction does not need.
std::vector<std::size_t> fewest(const ResolverProblem& problem, std::vector<std::size_t> rules) {
    constexpr std::size_t kMostRules = 100;
    constexpr std::size_t kSteps = 20'000;
    if (rules.size() > kMostRules) return rules;
    for (auto i = rules.size(); i-- > 0;) {
        auto fewer = rules;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
        auto solver = solver_of(problem, kSteps);
        for (const auto rule : fewer) solver.add(problem.rules[rule].clause);
        if (solver.solve() == ClauseSolver::Answer::contradiction) rules = std::move(fewer);
    }
    return rules;
}

// An answer with some, and not all, of what came with the last one.
std::optional<std::vector<int>> smaller(const ResolverProblem& problem,
                                        const std::vector<int>& nodes, std::size_t steps) {
    auto solver = solver_of(problem, steps);
    Clause not_all;
    for (const int node : nodes)
        if (is_at_hand(problem, node)) not_all.push_back(-(node + 1));
    if (not_all.empty()) return std::nullopt;
    for (int node = 0; node < static_cast<int>(problem.nodes.size()); ++node)
        if (is_at_hand(problem, node) && !std::ranges::binary_search(nodes, node))
            solver.add({-(node + 1)});
    for (const auto& rule : problem.rules) solver.add(rule.clause);
    solver.add(not_all);
    if (solver.solve() != ClauseSolver::Answer::solved) return std::nullopt;
    return chosen(problem, solver);
}

Result<std::vector<int>> choose(const ResolverProblem& problem) {
    auto solver = solver_of(problem, kMostSteps);
    for (const auto& rule : problem.rules) solver.add(rule.clause);
    const auto answer = solver.solve();
    if (answer == ClauseSolver::Answer::solved) {
        auto nodes = chosen(problem, solver);
        while (auto fewer = smaller(problem, nodes, kMostSteps / 10)) nodes = *std::move(fewer);
        return nodes;
    }
    auto error = make_error(errors::plan_unresolvable, "the packages do not fit together");
    if (answer == ClauseSolver::Answer::contradiction) {
        error.set_cause(explain(problem, fewest(problem, solver.core())));
    } else {
        error.message = "no set of packages that fit together was found";
        error.set_cause(
            fmt::format("the search was given up after {} steps: whether there is such "
                        "a set is not known",
                        kMostSteps));
        error.remedy =
            "Name the packages that are to come, each as NAME@VERSION, so that less is open.";
    }
    return std::unexpected(std::move(error));
}

int kind_rank(PackageKind kind) {
    switch (kind) {
        case PackageKind::base: return 0;
        case PackageKind::hardware: return 1;
        case PackageKind::feature: return 2;
        case PackageKind::module: return 3;
        case PackageKind::patch: return 4;
        case PackageKind::pack: return 5;
    }
    std::unreachable();
}

// Puts packages below those that require them, and else leaves them as they lie. Packages that
// require each other in a circle lie together: these are the strong components that Tarjan's
// algorithm finds, in just this order.
class Stacking {
public:
    explicit Stacking(const std::vector<Candidate>& lying) : lying_(lying), marks_(lying.size()) {
        for (std::size_t i = 0; i < lying.size(); ++i) {
            suppliers_[lying[i].package.name].push_back(i);
            for (const auto& [name, version] : lying[i].manifest->provides)
                if (name != lying[i].package.name) suppliers_[name].push_back(i);
        }
    }

    std::vector<Candidate> order() {
        for (std::size_t i = 0; i < lying_.size(); ++i)
            if (marks_[i].number == 0) visit(i);
        return std::move(ordered_);
    }

private:
    struct Mark {
        std::size_t number = 0;  // of the visit, from 1
        std::size_t lowest = 0;  // that can be reached and is not placed
        bool placed = false;
    };

    std::vector<std::size_t> required_by(std::size_t package) const {
        std::vector<std::size_t> below;
        for (const auto& [key, range] : lying_[package].manifest->needs) {
            const auto found = suppliers_.find(key);
            if (found == suppliers_.end()) continue;
            for (const auto supplier : found->second)
                if (lying_[supplier].package.kind == lying_[package].package.kind &&
                    supplies(lying_[supplier], key, range))
                    below.push_back(supplier);
        }
        std::ranges::sort(below);
        return below;
    }

    void visit(std::size_t package) {
        marks_[package].number = marks_[package].lowest = ++visits_;
        open_.push_back(package);
        for (const auto below : required_by(package)) {
            if (marks_[below].placed) continue;
            if (marks_[below].number == 0) visit(below);
            if (!marks_[below].placed)
                marks_[package].lowest = std::min(marks_[package].lowest, marks_[below].lowest);
        }
        if (marks_[package].lowest == marks_[package].number) place_from(package);
    }

    void place_from(std::size_t root) {
        const auto first = std::ranges::find(open_, root);
        std::ranges::sort(first, open_.end());
        for (const auto package : std::ranges::subrange(first, open_.end())) {
            marks_[package].placed = true;
            ordered_.push_back(lying_[package]);
        }
        open_.erase(first, open_.end());
    }

    const std::vector<Candidate>& lying_;
    std::vector<Mark> marks_;
    std::unordered_map<std::string_view, std::vector<std::size_t>> suppliers_;
    std::vector<std::size_t> open_;
    std::size_t visits_ = 0;
    std::vector<Candidate> ordered_;
};

// By kind; then what is present as it lies, a new version at the place of the old one; then what
// is wanted, then what comes with it.
std::vector<Candidate> stacked(const ResolverProblem& problem, const std::vector<int>& nodes) {
    const auto& present = problem.request->present;
    std::unordered_map<std::string_view, std::vector<std::size_t>> places;  // of a name
    for (std::size_t i = 0; i < present.size(); ++i) places[present[i].package.name].push_back(i);
    const auto place_of = [&](const PackageRef& package) {
        const auto found = places.find(package.name);
        if (found == places.end()) return present.size();
        const auto place = std::ranges::find_if(
            found->second, [&](std::size_t at) { return rivals(present[at].package, package); });
        return place == found->second.end() ? present.size() : *place;
    };
    std::vector<std::tuple<int, std::size_t, int>> keys;
    for (const int node : nodes) {
        const auto& package = problem.nodes[static_cast<std::size_t>(node)].candidate->package;
        keys.emplace_back(kind_rank(package.kind), place_of(package), node);
    }
    std::ranges::sort(keys);
    std::vector<Candidate> lying;
    lying.reserve(keys.size());
    for (const auto& [rank, place, node] : keys)
        lying.push_back(*problem.nodes[static_cast<std::size_t>(node)].candidate);
    return Stacking(lying).order();
}

Resolution resolution_of(const ResolveRequest& request, std::vector<Candidate> packages) {
    Resolution resolution;
    std::multimap<std::string_view, const PackageRef*> now;  // by name
    std::map<std::string_view, const Candidate*> present;    // by digest
    for (const auto& candidate : request.present) present[candidate.package.digest] = &candidate;
    for (const auto& candidate : packages) {
        now.emplace(candidate.package.name, &candidate.package);
        if (!present.contains(candidate.package.digest)) resolution.added.push_back(candidate);
    }
    for (const auto& candidate : request.present) {
        const auto& package = candidate.package;
        const auto [first, last] = now.equal_range(package.name);
        const auto in_its_place = std::find_if(
            first, last, [&](const auto& entry) { return rivals(*entry.second, package); });
        if (in_its_place == last)
            resolution.removed.push_back(package);
        else if (in_its_place->second->digest != package.digest)
            resolution.replaced.push_back(package);
    }
    resolution.packages = std::move(packages);
    return resolution;
}

}  // namespace

Result<Resolution> resolve(const ResolveRequest& request) {
    const auto problem = TRY(make_problem(request));
    const auto nodes = TRY(choose(problem));
    return resolution_of(request, stacked(problem, nodes));
}

}  // namespace cutover
