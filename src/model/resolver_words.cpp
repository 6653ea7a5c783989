// Why a request cannot be met, in words that a person can act on.

#include <algorithm>
#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "model/clause_solver.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/resolver.h"
#include "model/resolver_problem.h"
#include "model/version.h"

namespace cutover {
namespace {

using Standing = ResolverNode::Standing;

class Narrator {
public:
    explicit Narrator(const ResolverProblem& problem)
        : problem_(problem), request_(*problem.request) {
        for (const auto& present : request_.present) present_.insert(present.package.digest);
        for (const auto& wanted : request_.wanted) wanted_.insert(wanted.package.digest);
    }

    std::string line(const ResolverRule& rule) const {
        switch (rule.kind) {
            case ResolverRule::Kind::stays: return {};
            case ResolverRule::Kind::base: return base_line(rule);
            case ResolverRule::Kind::requirement: return requirement_line(rule);
            case ResolverRule::Kind::base_conflict: return base_conflict_line(rule);
            case ResolverRule::Kind::conflict: return conflict_line(rule);
        }
        std::unreachable();
    }

private:
    const ResolverNode& at(int node) const {
        return problem_.nodes[static_cast<std::size_t>(node)];
    }
    const PackageRef& package(int node) const { return at(node).candidate->package; }
    std::string base_label() const {
        return fmt::format("{} {}", request_.base->name, request_.base->version.text());
    }
    bool is_present(const PackageRef& of) const { return present_.contains(of.digest); }

    std::string subject(int node) const {
        return label(package(node)) +
               (at(node).standing == Standing::present ? ", which is present," : "");
    }

    std::string base_line(const ResolverRule& rule) const;
    std::string requirement_line(const ResolverRule& rule) const;
    std::string base_conflict_line(const ResolverRule& rule) const;
    std::string conflict_line(const ResolverRule& rule) const;
    std::vector<const Candidate*> only_at_hand() const;
    static std::string listed(std::vector<const Candidate*> candidates, std::string_view key);
    void add_listed(std::vector<std::string>& parts, std::string_view place,
                    const std::vector<const Candidate*>& candidates, std::string_view key) const;
    void add_base(std::vector<std::string>& parts, std::string_view key) const;

    const ResolverProblem& problem_;
    const ResolveRequest& request_;
    std::unordered_set<std::string_view> present_;  // digests
    std::unordered_set<std::string_view> wanted_;
};

std::vector<const Candidate*> Narrator::only_at_hand() const {
    std::vector<const Candidate*> result;
    for (const auto& candidate : request_.at_hand)
        if (!is_present(candidate.package) && !wanted_.contains(candidate.package.digest))
            result.push_back(&candidate);
    return result;
}

bool names(const Candidate& candidate, std::string_view key) {
    return supplies(candidate, key, VersionRange());
}

// "routing 1.4, 1.6, frr 9.1 (as routing 2.1)"; of many the newest.
std::string Narrator::listed(std::vector<const Candidate*> candidates, std::string_view key) {
    constexpr std::size_t kMost = 6;
    std::ranges::sort(candidates, [&](const Candidate* a, const Candidate* b) {
        const bool a_provides = a->package.name != key;
        const bool b_provides = b->package.name != key;
        return std::tie(a_provides, a->package.name, a->package.version, a->package.digest) <
               std::tie(b_provides, b->package.name, b->package.version, b->package.digest);
    });
    std::string text;
    std::string_view last_name;
    const auto skipped = candidates.size() - std::min(candidates.size(), kMost);
    for (const auto* candidate : candidates | std::views::drop(skipped)) {
        if (!text.empty()) text += ", ";
        const auto& package = candidate->package;
        text += package.name == last_name ? package.version.text() : label(package);
        last_name = package.name;
        const auto provided = candidate->manifest->provides.find(std::string(key));
        if (provided != candidate->manifest->provides.end())
            text += fmt::format(" (as {} {})", key, provided->second.text());
    }
    return skipped == 0 ? text : fmt::format("{} and {} more", text, skipped);
}

// "at hand are routing 1.4, 1.6"
void Narrator::add_listed(std::vector<std::string>& parts, std::string_view place,
                          const std::vector<const Candidate*>& candidates,
                          std::string_view key) const {
    std::vector<const Candidate*> named;
    for (const auto* candidate : candidates)
        if (names(*candidate, key)) named.push_back(candidate);
    if (named.empty()) return;
    parts.push_back(
        fmt::format("{} {} {}", place, named.size() == 1 ? "is" : "are", listed(named, key)));
}

void Narrator::add_base(std::vector<std::string>& parts, std::string_view key) const {
    const auto& base = *request_.base;
    if (base.name == key) parts.push_back(fmt::format("the base is {}", base_label()));
    if (const auto provided = base.provides.find(std::string(key)); provided != base.provides.end())
        parts.push_back(
            fmt::format("the base {} provides {} {}", base_label(), key, provided->second.text()));
    for (const auto& included : base.includes)
        if (included.name == key)
            parts.push_back(fmt::format("the base {} includes {} {}", base_label(), key,
                                        included.version.text()));
}

std::string Narrator::requirement_line(const ResolverRule& rule) const {
    std::vector<const Candidate*> wanted;
    std::vector<const Candidate*> present;
    for (const auto& node : problem_.nodes) {
        if (node.standing == Standing::wanted) wanted.push_back(node.candidate);
        if (node.standing == Standing::present) present.push_back(node.candidate);
    }
    std::vector<std::string> parts;
    add_base(parts, rule.key);
    add_listed(parts, "wanted", wanted, rule.key);
    add_listed(parts, "present", present, rule.key);
    if (std::ranges::find(request_.unwanted, rule.key) != request_.unwanted.end())
        parts.push_back(fmt::format("{} is to go", rule.key));
    else
        add_listed(parts, "at hand", only_at_hand(), rule.key);
    if (parts.empty()) parts.emplace_back("none is at hand");
    const auto& needs = at(rule.node).candidate->manifest->needs;
    const auto& range = needs.find(std::string(rule.key))->second;
    return fmt::format("{} requires {}{}{}; {}", subject(rule.node), rule.key,
                       range.any() ? "" : " ", range.any() ? "" : range.text(),
                       fmt::join(parts, "; "));
}

std::string Narrator::base_line(const ResolverRule& rule) const {
    const auto& here = package(rule.node);
    auto text =
        fmt::format("{} runs on bases {}, the base is {}", subject(rule.node),
                    at(rule.node).candidate->manifest->compatible.base.text(), base_label());
    if (at(rule.node).standing == Standing::at_hand) return text;
    std::vector<const Candidate*> newer;
    for (const auto* candidate : only_at_hand())
        if (candidate->package.name == here.name && candidate->package.version > here.version &&
            candidate->manifest->compatible.base.accepts(request_.base->version))
            newer.push_back(candidate);
    if (newer.empty()) return text;
    return fmt::format("{}; at hand {} {}, which {} on it: ask for it as well", text,
                       newer.size() == 1 ? "is" : "are", listed(newer, here.name),
                       newer.size() == 1 ? "runs" : "run");
}

std::string Narrator::base_conflict_line(const ResolverRule& rule) const {
    std::vector<std::string> parts;
    add_base(parts, rule.key);
    const auto& conflicts = at(rule.node).candidate->manifest->conflicts;
    const auto& range = conflicts.find(std::string(rule.key))->second;
    return fmt::format("{} conflicts with {}{}{}; {}", subject(rule.node), rule.key,
                       range.any() ? "" : " ", range.any() ? "" : range.text(),
                       fmt::join(parts, "; "));
}

std::string Narrator::conflict_line(const ResolverRule& rule) const {
    const auto& other = package(rule.other);
    const std::string_view place = is_present(other)                             ? "present"
                                   : at(rule.other).standing == Standing::wanted ? "wanted"
                                                                                 : "at hand";
    auto text =
        fmt::format("{} conflicts with {}, which is {}", subject(rule.node), label(other), place);
    if (other.name != rule.key) text += fmt::format(" and provides {}", rule.key);
    return text;
}

}  // namespace

std::string label(const PackageRef& package) {
    return fmt::format("{} {}", package.name, package.version.text());
}

std::string requirement_text(const PackageRef& package, std::string_view key,
                             const VersionRange& range) {
    auto text = fmt::format("{} requires {}", label(package), key);
    if (!range.any()) text += fmt::format(" {}", range.text());
    return text;
}

std::string explain(const ResolverProblem& problem, const std::vector<std::size_t>& rules) {
    constexpr std::size_t kMostLines = 12;
    const Narrator narrator(problem);
    std::vector<std::string> lines;      // in the order of the rules: what is wanted comes first
    std::vector<std::string> dead_ends;  // those that lead to nothing else
    for (const auto rule : rules) {
        auto line = narrator.line(problem.rules[rule]);
        if (line.empty() || std::ranges::find(lines, line) != lines.end()) continue;
        const auto leads_on = [](Literal literal) { return literal > 0; };
        if (std::ranges::none_of(problem.rules[rule].clause, leads_on)) dead_ends.push_back(line);
        lines.push_back(std::move(line));
    }
    if (lines.size() <= kMostLines) return fmt::format("{}", fmt::join(lines, "\n"));
    // Of many reasons those say most where something can be done.
    const auto shown = std::min(dead_ends.empty() ? lines.size() : dead_ends.size(), kMostLines);
    const auto& best = dead_ends.empty() ? lines : dead_ends;
    return fmt::format(
        "{}\nand {} more reasons",
        fmt::join(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(shown), "\n"),
        lines.size() - shown);
}

}  // namespace cutover
