// How long the resolver takes with 1,000 packages at hand: printed, not asserted, but for that it
// always ends.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <random>
#include <ratio>
#include <string>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/resolver.h"
#include "model/version.h"

namespace cutover {
namespace {

Version version(const std::string& text) { return Version::parse(text).value(); }
VersionRange range(const std::string& text) { return VersionRange::parse(text).value(); }

struct World {
    World() {
        base.name = "nos";
        request.base = &base;
    }
    // The pointers in the request are into the world itself.
    World(const World&) = delete;
    World& operator=(const World&) = delete;

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

    Manifest base;
    std::deque<Manifest> manifests;
    ResolveRequest request;
};

template <typename Expect>
void measure(const char* what, const World& world, Expect expect) {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = resolve(world.request);
    const auto time = std::chrono::steady_clock::now() - begin;
    fmt::print("{:<44} {:>5} packages at hand  {:7.2f} ms\n", what, world.request.at_hand.size(),
               std::chrono::duration<double, std::milli>(time).count());
    expect(result);
}

// 200 names in five versions; each requires the next three, in its version or a newer one.
TEST(ResolverSpeed, AThousandPackagesThatRequireEachOther) {
    World world;
    for (int name = 0; name < 200; ++name)
        for (int of = 1; of <= 5; ++of) {
            world.request.at_hand.push_back(
                world.add(fmt::format("p{}", name), fmt::format("{}.0", of)));
            for (int next = name + 1; next <= name + 3 && next < 200; ++next)
                world.manifests.back().needs[fmt::format("p{}", next)] =
                    range(fmt::format(">={}.0", of));
        }
    world.request.wanted = {world.request.at_hand[2]};
    measure("a net of requirements", world, [](const auto& result) {
        ASSERT_TRUE(result);
        EXPECT_EQ(result->added.size(), 200U);
        EXPECT_EQ(result->packages.back().package.digest, "p0 3.0");
    });
    world.manifests.back().needs["missing"] = range("");
    for (std::size_t i = 0; i < 4; ++i) world.manifests[995 + i].needs["missing"] = range("");
    measure("and its lowest one requires what is missing", world, [](const auto& result) {
        ASSERT_FALSE(result);
        EXPECT_THAT(result.error().cause, testing::HasSubstr("requires missing"));
    });
}

// Each of 40 pairs can be met in 24 ways, and none of the newest fits: without learning from
// conflicts this takes 24^40 attempts.
TEST(ResolverSpeed, AHardCase) {
    World world;
    const auto top = world.add("top", "1.0");
    for (int name = 0; name < 40; ++name)
        world.manifests.front().needs[fmt::format("x{}", name)] = range("");
    world.manifests.front().needs["last"] = range("");
    world.request.wanted = {top};
    for (int name = 0; name < 40; ++name)
        for (int of = 1; of <= 24; ++of) {
            world.request.at_hand.push_back(
                world.add(fmt::format("x{}", name), fmt::format("{}.0", of)));
            if (of > 1) world.manifests.back().needs[fmt::format("y{}", of)] = range("");
        }
    for (int of = 2; of <= 24; ++of) {
        world.request.at_hand.push_back(world.add(fmt::format("y{}", of), "1.0"));
        world.manifests.back().conflicts["last"] = range("");
    }
    world.request.at_hand.push_back(world.add("last", "1.0"));
    measure("a choice that goes wrong at the end", world, [](const auto& result) {
        ASSERT_TRUE(result);
        EXPECT_EQ(result->added.size(), 42U);
    });
    world.manifests.front().conflicts["x17"] = range("=1.0");
    measure("and has no way out", world, [](const auto& result) {
        ASSERT_FALSE(result);
        EXPECT_THAT(result.error().cause, testing::HasSubstr("top 1.0"));
    });
}

// Fourteen packages that must all be different, of which there are thirteen: the time to find that
// out grows exponentially for all that reasons by resolution.
TEST(ResolverSpeed, AnImpossibleCaseEndsInTime) {
    World world;
    const auto top = world.add("top", "1.0");
    world.request.wanted = {top};
    for (int pigeon = 0; pigeon < 14; ++pigeon) {
        world.manifests.front().needs[fmt::format("pigeon{}", pigeon)] = range("");
        for (int hole = 1; hole <= 13; ++hole) {
            world.request.at_hand.push_back(
                world.add(fmt::format("pigeon{}", pigeon), fmt::format("{}.0", hole)));
            const auto claim = fmt::format("hole{}", hole);
            world.manifests.back().provides[claim] = version("1");
            world.manifests.back().conflicts[claim] = range("");
        }
    }
    measure("pigeons and holes", world, [](const auto& result) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().id, "plan.unresolvable");
        EXPECT_THAT(result.error().cause, testing::HasSubstr("whether there is such a set is not"));
    });
}

// 250 names in four versions, each with three requirements of random tightness: from worlds where
// anything goes to worlds where nothing does, and the hard ones between them.
TEST(ResolverSpeed, RandomWorldsOfAThousandPackages) {
    constexpr int kWorlds = 60;
    std::array<int, 3> ends{};  // solved, unresolvable, given up
    double slowest_ms = 0;
    for (int round = 0; round < kWorlds; ++round) {
        std::mt19937 random(static_cast<unsigned>(round) + 1);
        const auto below = [&](unsigned limit) { return random() % limit; };
        World world;
        const auto tightness = static_cast<unsigned>(round / 6);
        for (int package = 0; package < 1000; ++package) {
            world.request.at_hand.push_back(
                world.add(fmt::format("p{}", package / 4), fmt::format("{}.0", 1 + (package % 4))));
            auto& manifest = world.manifests.back();
            for (int needs = 0; needs < 3; ++needs) {
                const bool tight = below(10) < tightness;
                manifest.needs[fmt::format("p{}", below(250))] =
                    range(fmt::format("{}{}.0", tight ? "=" : "<=", 2 + below(3)));
            }
            if (below(4) == 0)
                manifest.conflicts[fmt::format("p{}", below(250))] =
                    range(fmt::format("={}.0", 1 + below(4)));
        }
        for (std::size_t wanted = 0; wanted < 3; ++wanted)
            world.request.wanted.push_back(world.request.at_hand[wanted * 4]);
        const auto begin = std::chrono::steady_clock::now();
        const auto result = resolve(world.request);
        const std::chrono::duration<double, std::milli> time =
            std::chrono::steady_clock::now() - begin;
        slowest_ms = std::max(slowest_ms, time.count());
        const bool given_up = !result && result.error().cause.contains("given up");
        ++ends.at(result ? 0 : given_up ? 2 : 1);
    }
    fmt::print(
        "{} random worlds, 1000 packages at hand: {} solved, {} unresolvable, {} given up, "
        "slowest {:.2f} ms\n",
        kWorlds, ends[0], ends[1], ends[2], slowest_ms);
    EXPECT_GT(ends[0], 0);
    EXPECT_GT(ends[1], 0);
}

// A device with 300 packages, and 1,000 at hand, of which one is asked for.
TEST(ResolverSpeed, ALargeDevice) {
    World world;
    for (int name = 0; name < 300; ++name) {
        world.request.present.push_back(world.add(fmt::format("p{}", name), "1.0"));
        if (name > 0) world.manifests.back().needs[fmt::format("p{}", name / 2)] = range(">=1.0");
    }
    for (int name = 0; name < 1000; ++name) {
        const auto own = fmt::format("p{}", name % 500);
        world.request.at_hand.push_back(world.add(own, fmt::format("{}.0", 2 + (name / 500))));
        world.manifests.back().needs[fmt::format("p{}", (name % 500) / 2)] = range(">=2.0");
    }
    world.request.wanted = {world.request.at_hand[999]};
    measure("an upgrade through a large device", world, [](const auto& result) {
        ASSERT_TRUE(result);
        EXPECT_GT(result->replaced.size(), 5U);
    });
}

}  // namespace
}  // namespace cutover
