// The resolver against a reference that tries everything, over many small worlds.

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
#include "model/resolver_reference.h"
#include "model/side_by_side.h"
#include "model/version.h"

namespace cutover {
namespace {

// ---- worlds ----

class Dice {
public:
    explicit Dice(unsigned seed) : random_(seed) {}
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
    bool one_in(int count) { return below(count) == 0; }
    template <typename Items>
    const auto& of(const Items& items) {
        return items.at(static_cast<std::size_t>(below(static_cast<int>(items.size()))));
    }
    std::mt19937& engine() { return random_; }

private:
    std::mt19937 random_;
};

const std::array<std::string, 4> kNames{"a", "b", "c", "d"};
const std::array<std::string, 6> kKeys{"a", "b", "c", "d", "virtual", "nos"};
const std::array<std::string, 6> kRanges{"", ">=2", "<2", "=1", "=2", ">=1"};
const std::array<std::string, 3> kVersions{"1", "2", "3"};

void fill(Manifest& manifest, Dice& dice) {
    for (int needs = dice.below(3); needs > 0; --needs)
        manifest.needs[dice.of(kKeys)] = range(dice.of(kRanges));
    if (dice.one_in(5)) manifest.conflicts[dice.of(kKeys)] = range(dice.of(kRanges));
    if (dice.one_in(4)) manifest.provides["virtual"] = version(dice.of(kVersions));
    if (dice.one_in(8)) manifest.provides[manifest.name] = version(dice.of(kVersions));
    if (dice.one_in(8)) manifest.provides[dice.of(kNames)] = version(dice.of(kVersions));
    if (dice.one_in(6)) manifest.compatible.base = range(dice.of(kRanges));
    if (manifest.kind == PackageKind::patch && dice.one_in(3))
        manifest.replaces = {dice.one_in(3) ? "*" : dice.of(kNames)};
}

std::vector<Candidate> any_present(const World& world, Dice& dice) {
    std::vector<Candidate> present;
    for (std::size_t i = 0; i < world.all.size(); i += 2)
        if (!dice.one_in(2))
            present.push_back(world.all[i + static_cast<std::size_t>(dice.below(2))]);
    for (const auto& candidate : world.all)  // and the other major version of some
        if (candidate.package.side_by_side && dice.one_in(3) &&
            std::ranges::none_of(present, [&](const Candidate& other) {
                return rivals(other.package, candidate.package);
            }))
            present.push_back(candidate);
    return present;
}

// As after an installation.
std::vector<Candidate> fitting_present(const World& world, Dice& dice) {
    const ResolveRequest request{.base = &world.base,
                                 .wanted = {dice.of(world.all), dice.of(world.all)},
                                 .at_hand = world.all};
    Reference reference(request);
    std::vector<Candidate> present;
    if (reference.contradiction) return present;
    const auto found = reference.first_valid();
    for (const auto& [name, candidate] : found.value_or(Set{})) present.push_back(candidate);
    return present;
}

void make_world(World& world, Dice& dice) {
    world.base.name = "nos";
    world.base.version = version(dice.of(kVersions));
    if (dice.one_in(3))
        world.base.includes.push_back(
            {.name = dice.of(kNames), .version = version(dice.of(kVersions))});
    if (dice.one_in(6)) world.base.provides["virtual"] = version(dice.of(kVersions));
    if (dice.one_in(8)) world.base.provides[dice.of(kNames)] = version(dice.of(kVersions));
    for (const auto& name : kNames) {
        const auto kind = dice.of(std::array{PackageKind::feature, PackageKind::feature,
                                             PackageKind::module, PackageKind::patch});
        const bool side_by_side = dice.one_in(3);
        for (const auto* const text : {"1", "2"}) {
            auto candidate = world.add(name, text);
            auto& manifest = world.manifests.back();
            candidate.package.kind = manifest.kind = kind;
            candidate.package.side_by_side = manifest.side_by_side =
                side_by_side && !dice.one_in(8);
            fill(manifest, dice);
            world.all.push_back(candidate);
        }
    }
    auto& request = world.request;
    request.base = &world.base;
    request.present = dice.one_in(3) ? any_present(world, dice) : fitting_present(world, dice);
    std::ranges::shuffle(request.present, dice.engine());
    for (int wanted = dice.below(3); wanted > 0; --wanted)
        request.wanted.push_back(dice.of(world.all));
    if (dice.one_in(3)) request.unwanted.push_back(dice.of(kNames));
    if (dice.one_in(8)) request.unwanted.push_back(line_of(dice.of(world.all).package));
    for (const auto& candidate : world.all)
        if (!dice.one_in(4)) request.at_hand.push_back(candidate);
    request.with_dependents = dice.one_in(2);
    request.drop_patches = dice.one_in(2);
}

std::string story(const World& world) {
    std::string text = fmt::format("base nos {}", world.base.version.text());
    for (const auto& included : world.base.includes)
        text += fmt::format(" includes {} {}", included.name, included.version.text());
    for (const auto& [name, provided] : world.base.provides)
        text += fmt::format(" provides {} {}", name, provided.text());
    for (const auto& candidate : world.all) {
        const auto& manifest = *candidate.manifest;
        text += fmt::format(
            "\n{} {}{} runs on '{}'", to_string(manifest.kind), candidate.package.digest,
            candidate.package.side_by_side ? " side by side" : "", manifest.compatible.base.text());
        for (const auto& [key, accepted] : manifest.needs)
            text += fmt::format(" requires {} '{}'", key, accepted.text());
        for (const auto& [key, accepted] : manifest.conflicts)
            text += fmt::format(" conflicts {} '{}'", key, accepted.text());
        for (const auto& [key, provided] : manifest.provides)
            text += fmt::format(" provides {} {}", key, provided.text());
        for (const auto& name : manifest.replaces) text += fmt::format(" replaces {}", name);
    }
    const auto list = [&](const char* what, const std::vector<Candidate>& candidates) {
        text += fmt::format("\n{}:", what);
        for (const auto& candidate : candidates)
            text += fmt::format(" {};", candidate.package.digest);
    };
    list("present", world.request.present);
    list("wanted", world.request.wanted);
    list("at hand", world.request.at_hand);
    for (const auto& name : world.request.unwanted) text += fmt::format("\nunwanted: {}", name);
    return text + fmt::format("\nwith dependents: {}, drop patches: {}",
                              world.request.with_dependents, world.request.drop_patches);
}

std::vector<std::string> digests(const std::vector<Candidate>& candidates) {
    std::vector<std::string> result;
    result.reserve(candidates.size());
    for (const auto& candidate : candidates) result.push_back(candidate.package.digest);
    return result;
}

// ---- what every answer is ----

bool needs_from(const Candidate& above, const Candidate& below) {
    return std::ranges::any_of(above.manifest->needs, [&](const auto& need) {
        return has(below, need.first, need.second);
    });
}

// Within a kind nothing lies below what it requires, unless the two require each other.
bool is_stacked(const std::vector<Candidate>& packages) {
    const auto size = packages.size();
    std::vector<std::vector<bool>> reaches(size, std::vector<bool>(size));
    for (std::size_t i = 0; i < size; ++i)
        for (std::size_t j = 0; j < size; ++j)
            reaches[i][j] = packages[i].package.kind == packages[j].package.kind &&
                            needs_from(packages[i], packages[j]);
    const auto direct = reaches;
    for (std::size_t k = 0; k < size; ++k)
        for (std::size_t i = 0; i < size; ++i)
            for (std::size_t j = 0; j < size; ++j)
                if (reaches[i][k] && reaches[k][j]) reaches[i][j] = true;
    const auto rank = [](const Candidate& candidate) {
        return candidate.package.kind == PackageKind::feature  ? 0
               : candidate.package.kind == PackageKind::module ? 1
                                                               : 2;
    };
    for (std::size_t i = 0; i < size; ++i)
        for (std::size_t j = i + 1; j < size; ++j)
            if (rank(packages[i]) > rank(packages[j]) || (direct[i][j] && !reaches[j][i]))
                return false;
    return true;
}

void expect_consistent(const ResolveRequest& request, const Resolution& resolution) {
    std::set<std::string> present;
    std::vector<PackageRef> there;
    for (const auto& candidate : request.present) present.insert(candidate.package.digest);
    std::vector<std::string> added;
    for (const auto& candidate : resolution.packages) {
        EXPECT_EQ(rival_in(there, candidate.package), nullptr);
        there.push_back(candidate.package);
        if (!present.contains(candidate.package.digest)) added.push_back(candidate.package.digest);
    }
    EXPECT_EQ(digests(resolution.added), added);
    std::vector<PackageRef> removed;
    std::vector<PackageRef> replaced;
    const auto all = digests(resolution.packages);
    for (const auto& candidate : request.present) {
        if (!rival_in(there, candidate.package))
            removed.push_back(candidate.package);
        else if (std::ranges::count(all, candidate.package.digest) == 0)
            replaced.push_back(candidate.package);
    }
    EXPECT_EQ(resolution.removed, removed);
    EXPECT_EQ(resolution.replaced, replaced);
}

void expect_answer(const World& world, const Reference& reference, const Resolution& resolution) {
    Set set;
    for (const auto& candidate : resolution.packages) set[line_of(candidate.package)] = candidate;
    EXPECT_TRUE(reference.is_valid(set));
    EXPECT_TRUE(reference.is_smallest(set));
    EXPECT_TRUE(is_stacked(resolution.packages));
    expect_consistent(world.request, resolution);

    const ResolveRequest again{.base = &world.base, .present = resolution.packages};
    const auto same = resolve(again);
    ASSERT_TRUE(same);
    EXPECT_EQ(digests(same->packages), digests(resolution.packages)) << "it stays what it is";
}

TEST(ResolverSearch, AgreesWithAReferenceThatTriesEverything) {
    int solved = 0;
    int needed = 0;
    int unresolvable = 0;
    for (int round = 0; round < kRounds; ++round) {
        Dice dice(static_cast<unsigned>(round) + 1);
        World world;
        make_world(world, dice);
        SCOPED_TRACE(fmt::format("round {}", round));
        Reference reference(world.request);
        const auto result = resolve(world.request);
        if (reference.contradiction || reference.needed) {
            ASSERT_FALSE(result) << story(world);
            ASSERT_EQ(result.error().id,
                      reference.contradiction ? "plan.unresolvable" : "plan.needed")
                << story(world);
            ++(reference.contradiction ? unresolvable : needed);
        } else {
            ASSERT_EQ(result.has_value(), reference.first_valid().has_value()) << story(world);
            ++(result ? solved : unresolvable);
        }
        if (result) {
            expect_answer(world, reference, *result);
            std::ranges::shuffle(world.request.at_hand, dice.engine());
            EXPECT_EQ(digests(resolve(world.request)->packages), digests(result->packages));
        } else {
            EXPECT_FALSE(result.error().cause.empty() || result.error().general_cause);
        }
        ASSERT_FALSE(testing::Test::HasFailure()) << story(world);
    }
    fmt::print("{} worlds: {} solved, {} needed, {} unresolvable\n", kRounds, solved, needed,
               unresolvable);
    EXPECT_GT(solved, kRounds / 5);
    EXPECT_GT(needed, kRounds / 250);
    EXPECT_GT(unresolvable, kRounds / 10);
}

}  // namespace
}  // namespace cutover
