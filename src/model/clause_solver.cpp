#include "model/clause_solver.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/error.h"

namespace cutover {

ClauseSolver::ClauseSolver(std::size_t variables, std::size_t most_steps)
    : most_steps_(most_steps), variables_(variables + 1), watchers_((variables + 1) * 2) {}

ClauseSolver::Variable& ClauseSolver::of(Literal literal) {
    return variables_[static_cast<std::size_t>(std::abs(literal))];
}

const ClauseSolver::Variable& ClauseSolver::of(Literal literal) const {
    return variables_[static_cast<std::size_t>(std::abs(literal))];
}

std::vector<int>& ClauseSolver::watchers(Literal literal) {
    return watchers_[(static_cast<std::size_t>(std::abs(literal)) * 2) + (literal < 0 ? 1U : 0U)];
}

void ClauseSolver::add(const Clause& clause) {
    CUTOVER_CHECK(learned_.empty() && trail_.empty());
    const int number = store(clause);
    given_.push_back(clause);
    bool asks_always = true;
    for (const auto literal : clause) {
        if (literal > 0) continue;
        of(literal).asking.push_back(number);
        asks_always = false;
    }
    if (asks_always) always_asking_.push_back(number);
}

void ClauseSolver::at_most_one(const std::vector<int>& variables) {
    for (const int variable : variables) {
        CUTOVER_CHECK(of(variable).group == kNone);
        of(variable).group = static_cast<int>(groups_.size());
    }
    groups_.push_back(variables);
}

int ClauseSolver::store(Clause clause) {
    const int number = static_cast<int>(clauses_.size());
    if (clause.size() > 1)
        for (std::size_t i = 0; i < 2; ++i) watchers(clause[i]).push_back(number);
    clauses_.push_back(std::move(clause));
    return number;
}

void ClauseSolver::assign(Literal literal, Reason reason) {
    auto& variable = of(literal);
    variable.value = literal > 0 ? 1 : -1;
    variable.level = level();
    variable.reason = reason;
    trail_.push_back(literal);
}

ClauseSolver::Conflict ClauseSolver::assign_units() {
    for (std::size_t i = 0; i < given_.size(); ++i) {
        const auto& clause = given_[i];
        const int number = static_cast<int>(i);
        if (clause.size() > 1 || (clause.size() == 1 && value(clause.front()) > 0)) continue;
        if (clause.empty() || value(clause.front()) < 0)
            return {.literals = clause, .clause = number, .found = true};
        assign(clause.front(), {.clause = number});
    }
    return {};
}

ClauseSolver::Conflict ClauseSolver::propagate() {
    while (propagated_ < trail_.size()) {
        const auto literal = trail_[propagated_++];
        if (literal > 0)
            if (auto conflict = propagate_group(literal); conflict.found) return conflict;
        if (auto conflict = propagate_watchers(-literal); conflict.found) return conflict;
    }
    return {};
}

ClauseSolver::Conflict ClauseSolver::propagate_group(int variable) {
    if (of(variable).group == kNone) return {};
    for (const int rival : groups_[static_cast<std::size_t>(of(variable).group)]) {
        if (rival == variable || value(rival) < 0) continue;
        ++steps_;
        if (value(rival) > 0) return {.literals = {-variable, -rival}, .found = true};
        assign(-rival, {.rival = variable});
    }
    return {};
}

ClauseSolver::Conflict ClauseSolver::propagate_watchers(Literal falsified) {
    auto& watching = watchers(falsified);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < watching.size(); ++i) {
        const int number = watching[i];
        if (move_watch(number, falsified)) continue;
        watching[kept++] = number;
        const auto& clause = clauses_[static_cast<std::size_t>(number)];
        if (value(clause.front()) > 0) continue;
        if (value(clause.front()) == 0) {
            assign(clause.front(), {.clause = number});
            continue;
        }
        while (++i < watching.size()) watching[kept++] = watching[i];
        watching.resize(kept);
        return {.literals = clause, .clause = number, .found = true};
    }
    watching.resize(kept);
    return {};
}

// False when the clause goes on watching `falsified`, which then is its second literal: the first
// one holds, or has to.
bool ClauseSolver::move_watch(int clause, Literal falsified) {
    ++steps_;
    auto& literals = clauses_[static_cast<std::size_t>(clause)];
    if (literals[0] == falsified) std::swap(literals[0], literals[1]);
    if (value(literals[0]) > 0) return false;
    for (std::size_t i = 2; i < literals.size(); ++i) {
        if (value(literals[i]) < 0) continue;
        std::swap(literals[1], literals[i]);
        watchers(literals[1]).push_back(clause);
        return true;
    }
    return false;
}

// The first literal that could still make a clause hold which has to; 0 when it need not.
Literal ClauseSolver::wish_of(int clause) {
    ++steps_;
    Literal wish = 0;
    for (const auto literal : given_[static_cast<std::size_t>(clause)]) {
        const int now = value(literal);
        if (now > 0 || (literal < 0 && now == 0)) return 0;
        if (now == 0 && wish == 0) wish = literal;
    }
    return wish;
}

Literal ClauseSolver::next_wish() {
    for (const int clause : always_asking_)
        if (const auto wish = wish_of(clause); wish != 0) return wish;
    for (; answered_ < trail_.size(); ++answered_) {
        if (trail_[answered_] < 0) continue;
        for (const int clause : of(trail_[answered_]).asking)
            if (const auto wish = wish_of(clause); wish != 0) return wish;
    }
    return 0;
}

void ClauseSolver::decide(Literal literal) {
    levels_.push_back({.trail = trail_.size(), .answered = answered_});
    assign(literal, {});
}

void ClauseSolver::undo_to(int level) {
    const auto& first = levels_[static_cast<std::size_t>(level)];
    for (std::size_t i = first.trail; i < trail_.size(); ++i) of(trail_[i]).value = 0;
    trail_.resize(first.trail);
    propagated_ = first.trail;
    answered_ = first.answered;
    levels_.resize(static_cast<std::size_t>(level));
}

Clause ClauseSolver::literals_of(Reason reason, Literal implied) const {
    if (reason.clause != kNone) return clauses_[static_cast<std::size_t>(reason.clause)];
    return {implied, -reason.rival};
}

// Resolves the conflict with the reasons of the current level until one literal of that level is
// left: the clause says what must not come together again. That literal becomes its first.
Clause ClauseSolver::analyse(const Conflict& conflict, Origin& origin) const {
    std::vector<bool> seen(variables_.size());
    Clause learned{0};
    Clause literals = conflict.literals;
    if (conflict.clause != kNone) origin.clauses.push_back(conflict.clause);
    std::size_t open = 0;
    for (auto at = trail_.size();;) {
        for (const auto literal : literals) {
            const int variable = std::abs(literal);
            if (seen[static_cast<std::size_t>(variable)]) continue;
            seen[static_cast<std::size_t>(variable)] = true;
            if (of(literal).level == 0)
                origin.variables.push_back(variable);
            else if (of(literal).level == level())
                ++open;
            else
                learned.push_back(literal);
        }
        do --at;
        while (!seen[static_cast<std::size_t>(std::abs(trail_[at]))]);
        if (--open == 0) {
            learned.front() = -trail_[at];
            return learned;
        }
        const auto reason = of(trail_[at]).reason;
        if (reason.clause != kNone) origin.clauses.push_back(reason.clause);
        literals = literals_of(reason, trail_[at]);
    }
}

void ClauseSolver::learn(const Conflict& conflict) {
    Origin origin;
    auto learned = analyse(conflict, origin);
    int back = 0;
    if (learned.size() > 1) {
        const auto highest =
            std::ranges::max_element(learned.begin() + 1, learned.end(), {},
                                     [this](Literal literal) { return of(literal).level; });
        back = of(*highest).level;
        std::iter_swap(learned.begin() + 1, highest);
    }
    undo_to(back);
    const auto literal = learned.front();
    learned_.push_back(std::move(origin));
    assign(literal, {.clause = store(std::move(learned))});
}

ClauseSolver::Answer ClauseSolver::solve() {
    contradiction_ = assign_units();
    while (!contradiction_.found) {
        auto conflict = propagate();
        if (steps_ > most_steps_) return Answer::gave_up;
        if (conflict.found && level() == 0) {
            contradiction_ = std::move(conflict);
        } else if (conflict.found) {
            learn(conflict);
        } else {
            const auto wish = next_wish();
            if (wish == 0) return Answer::solved;
            decide(wish);
        }
    }
    return Answer::contradiction;
}

bool ClauseSolver::holds(int variable) const { return of(variable).value > 0; }

std::vector<std::size_t> ClauseSolver::core() const {
    std::vector<bool> clause_seen(clauses_.size());
    std::vector<bool> variable_seen(variables_.size());
    std::vector<int> clauses;
    std::vector<int> variables;
    const auto meet_clause = [&](int clause) {
        if (clause == kNone || clause_seen[static_cast<std::size_t>(clause)]) return;
        clause_seen[static_cast<std::size_t>(clause)] = true;
        clauses.push_back(clause);
    };
    const auto meet_variable = [&](int variable) {
        if (variable_seen[static_cast<std::size_t>(variable)]) return;
        variable_seen[static_cast<std::size_t>(variable)] = true;
        variables.push_back(variable);
    };
    meet_clause(contradiction_.clause);
    for (const auto literal : contradiction_.literals) meet_variable(std::abs(literal));
    while (!clauses.empty() || !variables.empty()) {
        while (!variables.empty()) {
            const int variable = variables.back();
            variables.pop_back();
            const auto reason = of(variable).reason;
            meet_clause(reason.clause);
            for (const auto literal : literals_of(reason, variable))
                meet_variable(std::abs(literal));
        }
        if (clauses.empty()) break;
        const auto clause = static_cast<std::size_t>(clauses.back());
        clauses.pop_back();
        if (clause < given_.size()) continue;
        const auto& origin = learned_[clause - given_.size()];
        for (const int from : origin.clauses) meet_clause(from);
        for (const int from : origin.variables) meet_variable(from);
    }
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < given_.size(); ++i)
        if (clause_seen[i]) result.push_back(i);
    return result;
}

}  // namespace cutover
