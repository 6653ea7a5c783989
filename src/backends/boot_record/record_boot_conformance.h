#pragma once

// What every back-end over RecordBoot promises beyond BootControlConformance. Include it in one
// source file of a test program, and instantiate it with a maker of RecordKind.

#include <cstddef>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backends/boot_record/loader_record.h"
#include "backends/boot_record/record_bench.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/kernel_command_line.h"

namespace cutover {

class RecordBootConformance : public testing::TestWithParam<std::function<RecordKind()>> {
protected:
    RecordBench bench_{GetParam()()};

    BootControl& boot() { return bench_.boot(); }
    BootStatus status() { return boot().status().value_or(BootStatus{}); }
    void damage(std::size_t copy, const std::string& bytes) {
        bench_.disk().damage(bench_.kind().offsets.at(copy), bytes);
    }
    bool both_sound() const { return bench_.copy(0) && bench_.copy(1); }
};

inline std::vector<std::string> kinds_of_damage() {
    return {std::string(512, '\0'), std::string(512, '\xff'), std::string(40, '\0'),
            std::string(300, 'x'), std::string(1, '?')};
}

TEST_P(RecordBootConformance, AKernelThatCannotBeLoadedIsAFallbackInTheSameBoot) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 3));
    bench_.power_cycle({true, false});
    EXPECT_EQ(status().running, Slot::a);
    EXPECT_EQ(status().reason, BootReason::fallback);
    EXPECT_EQ(status().trial, std::nullopt);
    bench_.power_cycle();
    EXPECT_EQ(status().reason, BootReason::fallback) << "told until the trial is ended";
    ASSERT_TRUE(boot().end_trial());
    bench_.power_cycle();
    EXPECT_EQ(status().reason, BootReason::normal);
}

TEST_P(RecordBootConformance, ACommittedSlotThatCannotBeLoadedLeavesTheOther) {
    bench_.power_cycle({false, true});
    EXPECT_EQ(status().running, Slot::b);
    EXPECT_EQ(status().reason, BootReason::rescue);
    EXPECT_EQ(status().committed, Slot::a);
}

TEST_P(RecordBootConformance, OneDamagedCopyOfAnyKindCostsNothingWithoutATrial) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 1));
    bench_.power_cycle();
    ASSERT_TRUE(boot().confirm(Slot::b));
    for (const auto& bytes : kinds_of_damage()) {
        for (const std::size_t copy : {0U, 1U}) {
            damage(copy, bytes);
            bench_.power_cycle();
            EXPECT_EQ(status().running, Slot::b);
            EXPECT_EQ(status().reason, BootReason::normal);
            EXPECT_TRUE(both_sound()) << "the agent's start makes it anew";
        }
    }
}

TEST_P(RecordBootConformance, OneDamagedCopyInATrialLosesAtMostTheTrial) {
    for (const auto& bytes : kinds_of_damage()) {
        for (const std::size_t copy : {0U, 1U}) {
            ASSERT_TRUE(boot().start_trial(Slot::b, 2));
            const bool trial_lost = copy == bench_.newest();
            damage(copy, bytes);
            bench_.power_cycle();
            EXPECT_EQ(status().running, trial_lost ? Slot::a : Slot::b);
            EXPECT_EQ(status().committed, Slot::a);
            ASSERT_TRUE(boot().end_trial());
            bench_.power_cycle();
        }
    }
}

TEST_P(RecordBootConformance, DamageDoesNotBringBackATrialThatWasEnded) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 3));
    ASSERT_TRUE(boot().end_trial());
    damage(bench_.newest(), std::string(512, '\0'));
    bench_.power_cycle();
    EXPECT_EQ(status().running, Slot::a);
    EXPECT_EQ(status().reason, BootReason::normal);
}

TEST_P(RecordBootConformance, DamageDoesNotBringBackATrialThatWasReplaced) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 3));
    bench_.power_cycle();
    ASSERT_TRUE(boot().start_trial(Slot::b, 2));
    damage(bench_.newest(), std::string(512, '\0'));
    bench_.power_cycle();
    EXPECT_EQ(status().running, Slot::a);
}

TEST_P(RecordBootConformance, WithBothCopiesLostItBootsAndCountsAgainAfterwards) {
    for (const auto& bytes : kinds_of_damage()) {
        damage(0, bytes);
        damage(1, bytes);
        bench_.power_cycle();
        EXPECT_EQ(status().running, Slot::a);
        EXPECT_EQ(status().reason, BootReason::rescue);
        EXPECT_EQ(status().committed, Slot::a);
        ASSERT_TRUE(both_sound());
        bench_.power_cycle();
        EXPECT_EQ(status().reason, BootReason::normal);
        ASSERT_TRUE(boot().start_trial(Slot::b, 1));
        bench_.power_cycle();
        EXPECT_EQ(status().running, Slot::b);
        bench_.power_cycle();
        EXPECT_EQ(status().running, Slot::a);
        ASSERT_TRUE(boot().end_trial());
    }
}

TEST_P(RecordBootConformance, ATrialThatRunsWhileBothCopiesAreLostFallsBackUnlessConfirmed) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 3));
    bench_.power_cycle();
    damage(0, std::string(512, '\0'));
    damage(1, std::string(512, '\0'));
    bench_.start_agent();
    EXPECT_EQ(status().running, Slot::b);
    EXPECT_EQ(status().trial, Slot::b);
    EXPECT_EQ(status().committed, Slot::a);
    bench_.power_cycle();
    EXPECT_EQ(status().running, Slot::a);
    EXPECT_EQ(status().reason, BootReason::fallback);
}

TEST_P(RecordBootConformance, AnAgentStartedAgainSaysTheSameOfTheBoot) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 1));
    bench_.power_cycle();
    bench_.start_agent();
    EXPECT_EQ(status().reason, BootReason::trial);
    EXPECT_EQ(status().trial, Slot::b);
    ASSERT_TRUE(boot().confirm(Slot::b));
    bench_.start_agent();
    EXPECT_EQ(status().reason, BootReason::trial);
    EXPECT_EQ(status().committed, Slot::b);
}

TEST_P(RecordBootConformance, MoreTriesThanTheScriptCanCountAreRefused) {
    EXPECT_EQ(boot().start_trial(Slot::b, kMaxLoaderTries + 1).error().id, "boot.bad_tries");
    ASSERT_TRUE(boot().start_trial(Slot::b, kMaxLoaderTries));
    for (int left = kMaxLoaderTries - 1; left >= 0; --left) {
        bench_.power_cycle();
        EXPECT_EQ(status().tries_left, left);
    }
}

TEST_P(RecordBootConformance, NothingIsWrittenThatIsThereAlready) {
    ASSERT_TRUE(boot().confirm(Slot::a));
    const auto before = bench_.disk().log().size();
    ASSERT_TRUE(boot().confirm(Slot::a));
    ASSERT_TRUE(boot().end_trial());
    bench_.power_cycle();
    EXPECT_EQ(bench_.disk().log().size(), before);
}

TEST_P(RecordBootConformance, ARecordLivesLongerThanItsSerialNumbers) {
    for (int i = 0; i < 600; ++i) {
        ASSERT_TRUE(boot().start_trial(Slot::b, 1));
        ASSERT_TRUE(boot().end_trial());
        ASSERT_EQ(status().trial, std::nullopt) << i;
    }
    ASSERT_TRUE(boot().confirm(Slot::b));
    bench_.power_cycle();
    EXPECT_EQ(status().running, Slot::b);
}

TEST_P(RecordBootConformance, APowerCutAnywhereLeavesTheOldOrTheNewChoice) {
    constexpr int kLives = 20;
    constexpr int kChanges = 25;
    SweepResult all;
    for (unsigned seed = 1; seed <= kLives; ++seed) {
        const auto life = sweep_power_cuts(GetParam()(), seed, kChanges);
        all.states += life.states;
        all.unbootable += life.unbootable;
        all.neither += life.neither;
        all.false_success += life.false_success;
        all.torn_lost += life.torn_lost;
    }
    RecordProperty("crash_states", static_cast<int>(all.states));
    std::cout << all.states << " crash states, " << all.torn_lost
              << " lost a trial to a torn sector\n";
    EXPECT_GE(all.states, 10'000);
    EXPECT_EQ(all.unbootable, 0);
    EXPECT_EQ(all.neither, 0);
    EXPECT_EQ(all.false_success, 0);
}

TEST_P(RecordBootConformance, ThePowerCutsWouldFindADiskThatDoesNotKeepWhatWasSynced) {
    EXPECT_GT(sweep_power_cuts(GetParam()(), 1, 10, true).false_success, 0);
}

}  // namespace cutover
