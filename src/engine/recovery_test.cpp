#include "engine/recovery.h"

#include <gtest/gtest.h>

namespace cutover {
namespace {

constexpr Position kPositions[] = {
    Position::repeatable, Position::before_arming, Position::arming,  Position::rebooting,
    Position::on_trial,   Position::committing,    Position::ordering};

// Every combination of what can be found after a cut.
template <typename Visit>
void for_all(Visit visit) {
    for (const auto position : kPositions)
        for (int bits = 0; bits < 128; ++bits) {
            OperationRecord record;
            record.committed = (bits & 1) != 0;
            record.undoing = (bits & 2) != 0;
            visit(record, position,
                  Found{.has_target = (bits & 4) != 0,
                        .running_is_target = (bits & 8) != 0,
                        .target_confirmed = (bits & 16) != 0,
                        .trial_armed = (bits & 32) != 0,
                        .rebooted = (bits & 64) != 0});
        }
}

TEST(Recovery, WhatIsCommittedIsFinishedAndNeverUndone) {
    for_all([](const OperationRecord& record, Position position, const Found& found) {
        if (!record.committed) return;
        const auto decision = decide(record, position, found);
        if (position != Position::rebooting) {
            EXPECT_EQ(decision, Recovery::go_on);
        } else {
            EXPECT_EQ(decision, found.rebooted ? Recovery::go_on_after : Recovery::reboot);
        }
    });
}

TEST(Recovery, AResetIsFinishedOnceItIsOrdered) {
    EXPECT_EQ(decide({}, Position::ordering, {}), Recovery::undo);
    EXPECT_EQ(decide({}, Position::ordering, {.rebooted = true}), Recovery::undo);
    EXPECT_EQ(decide({}, Position::ordering, {.reset_ordered = true}), Recovery::go_on);
}

TEST(Recovery, AnUndoIsCarriedThrough) {
    for_all([](const OperationRecord& record, Position position, const Found& found) {
        if (record.committed || !record.undoing) return;
        EXPECT_EQ(decide(record, position, found), Recovery::undo);
    });
}

TEST(Recovery, NothingGoesForwardToABaseThatDoesNotRunAndIsNotAhead) {
    for_all([](const OperationRecord& record, Position position, const Found& found) {
        if (record.committed || record.undoing || !found.has_target) return;
        if (position == Position::repeatable || found.running_is_target) return;
        if (found.target_confirmed || (found.trial_armed && !found.rebooted)) return;
        const auto decision = decide(record, position, found);
        EXPECT_TRUE(decision == Recovery::undo || decision == Recovery::fell_back);
    });
}

TEST(Recovery, ATrialThatTheBootLoaderBeganIsJudgedNotThrownAway) {
    const Found found{.has_target = true, .running_is_target = true, .rebooted = true};
    EXPECT_EQ(decide({}, Position::arming, found), Recovery::go_on_after);
    EXPECT_EQ(decide({}, Position::rebooting, found), Recovery::go_on_after);
    EXPECT_EQ(decide({}, Position::on_trial, found), Recovery::go_on);
}

TEST(Recovery, BeforeTheBootLoaderKnowsEverythingIsUndone) {
    EXPECT_EQ(decide({}, Position::before_arming, {.has_target = true}), Recovery::undo);
    EXPECT_EQ(decide({}, Position::arming, {.has_target = true, .trial_armed = true}),
              Recovery::undo);
}

TEST(Recovery, ARebootThatWasLostIsAskedForAgain) {
    EXPECT_EQ(decide({}, Position::rebooting, {.has_target = true, .trial_armed = true}),
              Recovery::reboot);
    EXPECT_EQ(decide({}, Position::rebooting, {}), Recovery::reboot);
    EXPECT_EQ(decide({}, Position::rebooting, {.rebooted = true}), Recovery::go_on_after);
}

TEST(Recovery, AConfirmedTargetIsCommittedThoughTheJournalDoesNotSaySoYet) {
    EXPECT_EQ(decide({}, Position::committing, {.has_target = true, .target_confirmed = true}),
              Recovery::go_on);
    EXPECT_EQ(decide({}, Position::committing, {.has_target = true}), Recovery::fell_back);
}

}  // namespace
}  // namespace cutover
