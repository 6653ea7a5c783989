#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cutover {

// A variable counted from 1, or its negation: -3 is "not 3".
using Literal = int;
using Clause = std::vector<Literal>;  // one of them holds; none is in it twice

// Finds variables that hold so that every clause does: by propagation, learning from each conflict,
// and jumping back over what was not to blame. A variable comes to hold only where a clause asks
// for it, because all that is negated in it holds. Clauses ask in the order in which that happened,
// and for their literals in the order in which they stand. The same question always has the same
// answer.
class ClauseSolver {
public:
    enum class Answer : std::uint8_t { solved, contradiction, gave_up };

    ClauseSolver(std::size_t variables, std::size_t most_steps);

    void add(const Clause& clause);                       // clauses are numbered from 0
    void at_most_one(const std::vector<int>& variables);  // a variable is in one such group at most

    Answer solve();                  // once
    bool holds(int variable) const;  // of what is solved
    // Of a contradiction: the clauses that it follows from, ascending. They need not be the fewest.
    std::vector<std::size_t> core() const;
    std::size_t steps() const { return steps_; }

private:
    static constexpr int kNone = -1;

    // Why a variable has its value: a clause, or a rival in its group that holds.
    struct Reason {
        int clause = kNone;
        int rival = kNone;
    };
    // What a conflict or a learned clause follows from: clauses, and variables with a value that
    // depends on no decision.
    struct Origin {
        std::vector<int> clauses;
        std::vector<int> variables;
    };
    struct Variable {
        int value = 0;  // 1 holds, -1 does not
        int level = 0;
        Reason reason;
        int group = kNone;
        std::vector<int> asking;  // given clauses that have it negated
    };
    struct Conflict {
        Clause literals;  // none of which holds
        int clause = kNone;
        bool found = false;
    };
    struct Level {
        std::size_t trail = 0;
        std::size_t answered = 0;
    };

    Variable& of(Literal literal);
    const Variable& of(Literal literal) const;
    int value(Literal literal) const {
        return literal > 0 ? of(literal).value : -of(literal).value;
    }
    std::vector<int>& watchers(Literal literal);
    int level() const { return static_cast<int>(levels_.size()); }

    int store(Clause clause);
    void assign(Literal literal, Reason reason);
    Conflict assign_units();
    Conflict propagate();
    Conflict propagate_group(int variable);
    Conflict propagate_watchers(Literal falsified);
    bool move_watch(int clause, Literal falsified);
    Literal wish_of(int clause);
    Literal next_wish();
    void decide(Literal literal);
    void undo_to(int level);
    Clause literals_of(Reason reason, Literal implied) const;
    Clause analyse(const Conflict& conflict, Origin& origin) const;
    void learn(const Conflict& conflict);

    std::size_t most_steps_;
    std::size_t steps_ = 0;
    std::vector<Variable> variables_;
    std::vector<std::vector<int>> groups_;
    std::vector<Clause> given_;               // as they were added
    std::vector<Clause> clauses_;             // and the learned ones; the first two are watched
    std::vector<Origin> learned_;             // of the clauses from given_.size() on
    std::vector<std::vector<int>> watchers_;  // clauses, by the literal that they watch
    std::vector<int> always_asking_;          // given clauses without a negated variable
    std::vector<Literal> trail_;              // what has a value, in the order it got it
    std::size_t propagated_ = 0;              // of the trail
    std::size_t answered_ = 0;  // of the trail: all that these variables ask for is there
    std::vector<Level> levels_;
    Conflict contradiction_;
};

}  // namespace cutover
