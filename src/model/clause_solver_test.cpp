#include "model/clause_solver.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cutover {
namespace {

using Answer = ClauseSolver::Answer;
using testing::ElementsAre;

constexpr std::size_t kPlenty = 1'000'000;

bool satisfied(const std::vector<Clause>& clauses, std::uint32_t assignment) {
    return std::ranges::all_of(clauses, [&](const Clause& clause) {
        return std::ranges::any_of(clause, [&](Literal literal) {
            const bool holds = ((assignment >> (std::abs(literal) - 1)) & 1U) != 0;
            return holds == (literal > 0);
        });
    });
}

bool solvable(const std::vector<Clause>& clauses, int variables) {
    for (std::uint32_t assignment = 0; assignment < (1U << variables); ++assignment)
        if (satisfied(clauses, assignment)) return true;
    return false;
}

TEST(ClauseSolver, LetsHoldOnlyWhatIsAskedForTheFirstInTheClauseFirst) {
    ClauseSolver solver(5, kPlenty);
    solver.add({1});
    solver.add({-1, 3, 2});
    solver.add({-4, 5});
    ASSERT_EQ(solver.solve(), Answer::solved);
    const std::vector<bool> holds{solver.holds(1), solver.holds(2), solver.holds(3),
                                  solver.holds(4), solver.holds(5)};
    EXPECT_THAT(holds, ElementsAre(true, false, true, false, false));
}

TEST(ClauseSolver, TakesTheNextWhenTheFirstLeadsNowhere) {
    ClauseSolver solver(5, kPlenty);
    solver.add({1});
    solver.add({-1, 2, 3});
    solver.add({-2, 4, 5});
    solver.add({-2, -4});
    solver.add({-2, -5});
    ASSERT_EQ(solver.solve(), Answer::solved);
    EXPECT_TRUE(solver.holds(3));
    EXPECT_FALSE(solver.holds(2));
}

TEST(ClauseSolver, TheCoreOfAContradictionLeavesOutWhatHasNoPartInIt) {
    ClauseSolver solver(6, kPlenty);
    solver.add({6});
    solver.add({1});
    solver.add({-6, 5});
    solver.add({-1, 2, 3});
    solver.add({-2});
    solver.add({-3});
    ASSERT_EQ(solver.solve(), Answer::contradiction);
    EXPECT_THAT(solver.core(), ElementsAre(1, 3, 4, 5));
}

TEST(ClauseSolver, AnEmptyClauseContradictsItself) {
    ClauseSolver solver(1, kPlenty);
    solver.add({1});
    solver.add({});
    ASSERT_EQ(solver.solve(), Answer::contradiction);
    EXPECT_THAT(solver.core(), ElementsAre(1));
}

// n + 1 pigeons in n holes: the classic that takes resolution exponentially long.
TEST(ClauseSolver, GivesUpAfterItsSteps) {
    constexpr int kHoles = 12;
    constexpr std::size_t kVariables = 156;  // of each pigeon one for each hole
    ClauseSolver solver(kVariables, 20'000);
    const auto in = [](int pigeon, int hole) { return (pigeon * kHoles) + hole + 1; };
    for (int pigeon = 0; pigeon <= kHoles; ++pigeon) {
        Clause somewhere;
        for (int hole = 0; hole < kHoles; ++hole) somewhere.push_back(in(pigeon, hole));
        solver.add(somewhere);
    }
    for (int hole = 0; hole < kHoles; ++hole) {
        std::vector<int> pigeons;
        for (int pigeon = 0; pigeon <= kHoles; ++pigeon) pigeons.push_back(in(pigeon, hole));
        solver.at_most_one(pigeons);
    }
    EXPECT_EQ(solver.solve(), Answer::gave_up);
    EXPECT_LT(solver.steps(), 25'000U);
}

TEST(ClauseSolver, AgreesWithTryingEverything) {
    std::mt19937 random(20'261'122);
    const auto below = [&](std::size_t limit) { return static_cast<int>(random() % limit); };
    int contradictions = 0;
    for (int round = 0; round < 20'000; ++round) {
        const int variables = 3 + below(6);
        const int groups = below(3);  // each of two neighbours
        std::vector<Clause> clauses;
        for (int i = 0; i < variables * 3; ++i) {
            Clause clause;
            for (int size = 1 + below(4); size > 0; --size) {
                const Literal literal =
                    (1 + below(static_cast<std::size_t>(variables))) * (below(2) == 0 ? 1 : -1);
                const auto same = [&](Literal other) {
                    return std::abs(other) == std::abs(literal);
                };
                if (std::ranges::none_of(clause, same)) clause.push_back(literal);
            }
            if (clause.size() > 1 || below(4) == 0) clauses.push_back(clause);
        }
        ClauseSolver solver(static_cast<std::size_t>(variables), kPlenty);
        for (const auto& clause : clauses) solver.add(clause);
        std::vector<Clause> exclusive;
        for (int group = 0; group < groups && (group * 2) + 2 <= variables; ++group) {
            solver.at_most_one({(group * 2) + 1, (group * 2) + 2});
            exclusive.push_back({-((group * 2) + 1), -((group * 2) + 2)});
        }
        auto all = clauses;
        all.insert(all.end(), exclusive.begin(), exclusive.end());
        const auto answer = solver.solve();
        ASSERT_EQ(answer == Answer::solved, solvable(all, variables)) << "round " << round;
        if (answer == Answer::solved) {
            std::uint32_t assignment = 0;
            for (int i = 0; i < variables; ++i)
                assignment |= (solver.holds(i + 1) ? 1U : 0U) << static_cast<unsigned>(i);
            ASSERT_TRUE(satisfied(all, assignment)) << "round " << round;
            continue;
        }
        ++contradictions;
        auto core = exclusive;
        for (const auto clause : solver.core()) core.push_back(clauses.at(clause));
        ASSERT_FALSE(solvable(core, variables)) << "round " << round;
    }
    EXPECT_GT(contradictions, 1000);
    EXPECT_LT(contradictions, 19'000);
}

// As many clauses of three as make half of all such questions a contradiction: many conflicts, and
// long learned clauses.
TEST(ClauseSolver, AgreesWithTryingEverythingWhereThatIsHard) {
    constexpr int kVariables = 13;
    std::mt19937 random(4);
    const auto below = [&](unsigned limit) { return static_cast<int>(random() % limit); };
    int contradictions = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<Clause> clauses;
        while (clauses.size() < 60) {
            const int a = 1 + below(kVariables);
            const int b = 1 + below(kVariables);
            const int c = 1 + below(kVariables);
            if (a == b || b == c || a == c) continue;
            const auto either = [&](int variable) { return below(2) == 0 ? variable : -variable; };
            clauses.push_back({either(a), either(b), either(c)});
        }
        ClauseSolver solver(kVariables, kPlenty);
        for (const auto& clause : clauses) solver.add(clause);
        const auto answer = solver.solve();
        ASSERT_EQ(answer == Answer::solved, solvable(clauses, kVariables)) << "round " << round;
        if (answer == Answer::solved) continue;
        ++contradictions;
        std::vector<Clause> core;
        for (const auto clause : solver.core()) core.push_back(clauses.at(clause));
        ASSERT_FALSE(solvable(core, kVariables)) << "round " << round;
    }
    EXPECT_GT(contradictions, 50);
    EXPECT_LT(contradictions, 250);
}

}  // namespace
}  // namespace cutover
