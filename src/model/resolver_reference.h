#pragma once

// A reference for the resolver: every set of packages, one after the other.

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/resolver.h"
#include "model/side_by_side.h"
#include "model/version.h"

namespace cutover {

#ifdef NDEBUG
inline constexpr int kRounds = 300'000;
#else
inline constexpr int kRounds = 5'000;
#endif

inline Version version(const std::string& text) { return Version::parse(text).value(); }
inline VersionRange range(const std::string& text) { return VersionRange::parse(text).value(); }

struct World {
    Manifest base;
    std::deque<Manifest> manifests;
    std::vector<Candidate> all;
    ResolveRequest request;

    Candidate add(const std::string& name, const std::string& text) {
        auto& manifest = manifests.emplace_back();
        manifest.kind = PackageKind::feature;
        manifest.name = name;
        manifest.version = version(text);
        return {.package = {.kind = manifest.kind,
                            .name = name,
                            .version = manifest.version,
                            .digest = fmt::format("{} {}", name, text)},
                .manifest = &manifest};
    }
};

using Set = std::map<std::string, Candidate>;  // by line_of()

inline bool has(const Candidate& candidate, const std::string& key, const VersionRange& accepted) {
    for (const auto& [name, provided] : candidate.manifest->provides)
        if (name == key && accepted.accepts(provided)) return true;
    return candidate.package.name == key && accepted.accepts(candidate.package.version);
}

class Reference {
public:
    explicit Reference(const ResolveRequest& request) : request_(request) {
        for (const auto& wanted : request.wanted) {
            contradiction = contradiction || is_among(request.unwanted, wanted.package) ||
                            std::ranges::any_of(wanted_, [&](const auto& other) {
                                return rivals(other.second.package, wanted.package) &&
                                       digest(other.second) != digest(wanted);
                            });
            wanted_[line_of(wanted.package)] = wanted;
        }
        for (const auto& present : request.present)
            if (stays(present)) kept_[line_of(present.package)] = present;
        drop_dependents();
        find_eligible();
    }

    bool contradiction = false;
    bool needed = false;

    std::optional<Set> first_valid() {
        std::map<std::string, std::vector<Candidate>> choices;
        for (const auto& [name, candidate] : wanted_) choices[name] = {candidate};
        for (const auto& [name, candidate] : kept_) choices[name] = {candidate};
        for (const auto& candidate : eligible_)
            choices[line_of(candidate.package)].push_back(candidate);
        return search(choices, choices.begin(), {});
    }

    bool is_valid(const Set& set) const {
        for (const auto& [name, candidate] : wanted_)
            if (!set.contains(name) || digest(set.at(name)) != digest(candidate)) return false;
        for (const auto& [name, candidate] : kept_)
            if (!has_rival(set, candidate)) return false;
        for (const auto& [name, candidate] : set) {
            if (!is_allowed(candidate) || !fits(candidate, set)) return false;
            for (const auto& [other_name, other] : set)
                if (other_name != name && rivals(other.package, candidate.package)) return false;
        }
        return true;
    }

    // No part of what comes could stay away.
    bool is_smallest(const Set& set) const {
        std::vector<Candidate> came;
        for (const auto& [name, candidate] : set)
            if (is_eligible(candidate)) came.push_back(candidate);
        for (unsigned part = 1; part < (1U << came.size()); ++part) {
            auto fewer = set;
            for (std::size_t i = 0; i < came.size(); ++i) {
                if (((part >> i) & 1U) == 0) continue;
                fewer.erase(line_of(came[i].package));
            }
            for (const auto& [name, candidate] : kept_)
                if (!has_rival(fewer, candidate)) fewer[name] = candidate;
            if (is_valid(fewer)) return false;
        }
        return true;
    }

private:
    static const std::string& digest(const Candidate& candidate) {
        return candidate.package.digest;
    }
    static bool has_rival(const Set& set, const Candidate& candidate) {
        return std::ranges::any_of(set, [&](const auto& entry) {
            return rivals(entry.second.package, candidate.package);
        });
    }
    bool is_eligible(const Candidate& candidate) const {
        return std::ranges::any_of(
            eligible_, [&](const Candidate& other) { return digest(other) == digest(candidate); });
    }
    bool is_allowed(const Candidate& candidate) const {
        const auto is_in = [&](const Set& set) {
            const auto found = set.find(line_of(candidate.package));
            return found != set.end() && digest(found->second) == digest(candidate);
        };
        return is_in(wanted_) || is_in(kept_) || is_eligible(candidate);
    }
    static bool replaced(const Candidate& by, const Candidate& candidate) {
        return candidate.package.kind == PackageKind::patch &&
               std::ranges::any_of(by.manifest->replaces, [&](const std::string& name) {
                   return name == "*" || name == candidate.package.name;
               });
    }
    bool replaced_by_wanted(const Candidate& candidate) const {
        return std::ranges::any_of(
            request_.wanted, [&](const Candidate& wanted) { return replaced(wanted, candidate); });
    }

    bool stays(const Candidate& present) const {
        const auto& name = present.package.name;
        if (is_among(request_.unwanted, present.package) || has_rival(wanted_, present) ||
            replaced_by_wanted(present))
            return false;
        if (!request_.drop_patches || present.package.kind != PackageKind::patch) return true;
        for (const auto& included : request_.base->includes)
            if (included.name == name && included.version >= present.package.version) return false;
        return present.manifest->compatible.base.accepts(request_.base->version);
    }

    bool base_has(const std::string& key, const VersionRange& accepted) const {
        const auto& base = *request_.base;
        for (const auto& [name, provided] : base.provides)
            if (name == key && accepted.accepts(provided)) return true;
        return base.name == key && accepted.accepts(base.version);
    }

    bool integrated(const std::string& key, const VersionRange& accepted, const Set& set) const {
        for (const auto& included : request_.base->includes)
            if (included.name == key && accepted.accepts(included.version))
                return std::ranges::none_of(
                    set, [&](const auto& entry) { return entry.second.package.name == key; });
        return false;
    }

    bool met(const std::string& key, const VersionRange& accepted, const Set& set) const {
        if (base_has(key, accepted) || integrated(key, accepted, set)) return true;
        return std::ranges::any_of(
            set, [&](const auto& entry) { return has(entry.second, key, accepted); });
    }

    bool fits(const Candidate& candidate, const Set& set) const {
        const auto& manifest = *candidate.manifest;
        if (!manifest.compatible.base.accepts(request_.base->version)) return false;
        for (const auto& [key, accepted] : manifest.needs)
            if (!met(key, accepted, set)) return false;
        for (const auto& [key, accepted] : manifest.conflicts) {
            if (base_has(key, accepted) || integrated(key, accepted, set)) return false;
            for (const auto& [name, other] : set)
                if (!rivals(other.package, candidate.package) && has(other, key, accepted))
                    return false;
        }
        return true;
    }

    void drop_dependents() {
        std::vector<Candidate> going;
        for (const auto& present : request_.present)
            if (is_among(request_.unwanted, present.package)) going.push_back(present);
        for (bool again = true; again;) {
            again = false;
            auto rest = kept_;
            for (const auto& [name, candidate] : wanted_) rest[name] = candidate;
            for (const auto& [name, present] : kept_) {
                const auto lost = [&](const auto& need) {
                    return !met(need.first, need.second, rest) &&
                           std::ranges::any_of(going, [&](const Candidate& gone) {
                               return has(gone, need.first, need.second);
                           });
                };
                if (std::ranges::none_of(present.manifest->needs, lost)) continue;
                needed = needed || !request_.with_dependents;
                going.push_back(present);
                kept_.erase(name);
                again = true;
                break;
            }
        }
    }

    bool may_come(const Candidate& candidate) const {
        const auto same = [&](const Candidate& present) {
            return digest(present) == digest(candidate);
        };
        if (is_among(request_.unwanted, candidate.package) || has_rival(wanted_, candidate) ||
            replaced_by_wanted(candidate) || std::ranges::any_of(request_.present, same))
            return false;
        return std::ranges::none_of(
            kept_, [&](const auto& entry) { return replaced(candidate, entry.second); });
    }

    // Does the one who asks bring the candidate into question?
    bool asks_for(const Candidate& asking, bool asking_is_kept, const Candidate& candidate) const {
        std::vector<Candidate> kept;
        for (const auto& [name, other] : kept_)
            if (rivals(other.package, candidate.package)) kept.push_back(other);
        for (const auto& [key, accepted] : asking.manifest->needs) {
            if (base_has(key, accepted) || has(asking, key, accepted) ||
                !has(candidate, key, accepted))
                continue;
            if (kept.empty()) return true;
            if (!asking_is_kept && std::ranges::all_of(kept, [&](const Candidate& rival) {
                    return candidate.package.kind == PackageKind::feature &&
                           candidate.package.version > rival.package.version &&
                           !has(rival, key, accepted);
                }))
                return true;
        }
        return false;
    }

    void find_eligible() {
        for (bool again = true; again;) {
            again = false;
            for (const auto& candidate : request_.at_hand) {
                if (is_eligible(candidate) || !may_come(candidate)) continue;
                bool asked = false;
                for (const auto& [name, asking] : wanted_)
                    asked = asked || asks_for(asking, false, candidate);
                for (const auto& [name, asking] : kept_)
                    asked = asked || asks_for(asking, true, candidate);
                for (const auto& asking : eligible_)
                    asked = asked || asks_for(asking, false, candidate);
                if (!asked) continue;
                eligible_.push_back(candidate);
                again = true;
            }
        }
    }

    using Choices = std::map<std::string, std::vector<Candidate>>;
    std::optional<Set> search(const Choices& choices, Choices::const_iterator at, const Set& set) {
        if (at == choices.end()) return is_valid(set) ? std::optional(set) : std::nullopt;
        const auto next = std::next(at);
        if (auto found = search(choices, next, set)) return found;
        for (const auto& candidate : at->second) {
            auto more = set;
            more[at->first] = candidate;
            if (auto found = search(choices, next, more)) return found;
        }
        return std::nullopt;
    }

    const ResolveRequest& request_;
    Set wanted_;
    Set kept_;
    std::vector<Candidate> eligible_;
};

}  // namespace cutover
