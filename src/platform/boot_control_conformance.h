#pragma once

// What every BootControl promises, as tests that any back-end passes:
//
//     INSTANTIATE_TEST_SUITE_P(Emulated, BootControlConformance,
//                              testing::Values([] { return std::make_unique<MyBench>(); }));
//
// Include it in one source file of a test program.

#include <functional>
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {

// A device whose boot loader can be played. A new one has booted its committed slot A.
class BootBench {
public:
    virtual ~BootBench() = default;
    virtual BootControl& boot() = 0;
    virtual void power_cycle() = 0;  // what the loader does when power comes back
    // Damages what the last successful call wrote, where the back-end keeps an older copy; false
    // when it has no such thing.
    virtual bool damage_newest_record() = 0;
    // Makes `change` on a device whose power fails just before write number `write` (from 0), and
    // turns power on again; whether the change came as far as that write. Nothing when the bench
    // cannot do this.
    virtual std::optional<bool> cut_power(int /*write*/,
                                          const std::function<void(BootControl&)>& /*change*/) {
        return std::nullopt;
    }
};

using MakeBootBench = std::function<std::unique_ptr<BootBench>()>;

class BootControlConformance : public testing::TestWithParam<MakeBootBench> {
protected:
    BootControl& boot() { return bench_->boot(); }
    BootStatus status() {
        auto result = boot().status();
        EXPECT_TRUE(result) << result.error().text();
        return result.value_or(BootStatus{});
    }
    BootStatus after_power_cycle() {
        bench_->power_cycle();
        return status();
    }
    std::unique_ptr<BootBench> bench_ = GetParam()();
};

TEST_P(BootControlConformance, WithoutATrialTheCommittedSlotBootsForEver) {
    for (int i = 0; i < 5; ++i) {
        const auto now = after_power_cycle();
        EXPECT_EQ(now.running, Slot::a);
        EXPECT_EQ(now.committed, Slot::a);
        EXPECT_EQ(now.reason, BootReason::normal);
        EXPECT_EQ(now.trial, std::nullopt);
    }
}

TEST_P(BootControlConformance, StartingATrialDoesNotChangeWhatRuns) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 3));
    const auto now = status();
    EXPECT_EQ(now.running, Slot::a);
    EXPECT_EQ(now.committed, Slot::a);
    EXPECT_EQ(now.trial, Slot::b);
    EXPECT_EQ(now.tries, 3);
    EXPECT_EQ(now.tries_left, 3);
}

TEST_P(BootControlConformance, ATrialThatIsNeverConfirmedEndsInTheCommittedSlot) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 2));
    for (int left = 1; left >= 0; --left) {
        const auto now = after_power_cycle();
        EXPECT_EQ(now.running, Slot::b);
        EXPECT_EQ(now.reason, BootReason::trial);
        EXPECT_EQ(now.trial, Slot::b);
        EXPECT_EQ(now.tries_left, left);
        EXPECT_EQ(now.committed, Slot::a);
    }
    const auto now = after_power_cycle();
    EXPECT_EQ(now.running, Slot::a);
    EXPECT_EQ(now.reason, BootReason::fallback);
    EXPECT_EQ(now.trial, std::nullopt);
}

TEST_P(BootControlConformance, AFallbackIsToldUntilTheTrialIsEnded) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 1));
    bench_->power_cycle();
    bench_->power_cycle();
    EXPECT_EQ(after_power_cycle().reason, BootReason::fallback);
    ASSERT_TRUE(boot().end_trial());
    EXPECT_EQ(after_power_cycle().reason, BootReason::normal);
}

TEST_P(BootControlConformance, AConfirmedSlotBootsForEver) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 1));
    bench_->power_cycle();
    ASSERT_TRUE(boot().confirm(Slot::b));
    EXPECT_EQ(status().committed, Slot::b);
    EXPECT_EQ(status().trial, std::nullopt);
    for (int i = 0; i < 5; ++i) {
        const auto now = after_power_cycle();
        EXPECT_EQ(now.running, Slot::b);
        EXPECT_EQ(now.reason, BootReason::normal);
    }
}

TEST_P(BootControlConformance, AnEndedTrialIsNotBooted) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 5));
    ASSERT_TRUE(boot().end_trial());
    EXPECT_EQ(status().trial, std::nullopt);
    const auto now = after_power_cycle();
    EXPECT_EQ(now.running, Slot::a);
    EXPECT_EQ(now.reason, BootReason::normal);
}

TEST_P(BootControlConformance, ATrialCanBeEndedWhileItRuns) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 5));
    bench_->power_cycle();
    ASSERT_TRUE(boot().end_trial());
    EXPECT_EQ(status().running, Slot::b) << "nothing was rebooted yet";
    EXPECT_EQ(after_power_cycle().running, Slot::a);
}

TEST_P(BootControlConformance, EveryCallMayBeRepeated) {
    ASSERT_TRUE(boot().end_trial());
    ASSERT_TRUE(boot().confirm(Slot::a));
    ASSERT_TRUE(boot().confirm(Slot::a));
    ASSERT_TRUE(boot().start_trial(Slot::b, 2));
    ASSERT_TRUE(boot().start_trial(Slot::b, 2));
    EXPECT_EQ(status().tries_left, 2);
    ASSERT_TRUE(boot().end_trial());
    ASSERT_TRUE(boot().end_trial());
    EXPECT_EQ(after_power_cycle().running, Slot::a);
}

TEST_P(BootControlConformance, ANewTrialHasAllItsTries) {
    ASSERT_TRUE(boot().start_trial(Slot::b, 1));
    bench_->power_cycle();
    bench_->power_cycle();
    ASSERT_TRUE(boot().start_trial(Slot::b, 2));
    EXPECT_EQ(after_power_cycle().running, Slot::b);
    EXPECT_EQ(after_power_cycle().running, Slot::b);
    EXPECT_EQ(after_power_cycle().running, Slot::a);
}

TEST_P(BootControlConformance, ATrialWithoutBootsIsRefused) {
    EXPECT_FALSE(boot().start_trial(Slot::b, 0));
    EXPECT_FALSE(boot().start_trial(Slot::b, -1));
    EXPECT_EQ(after_power_cycle().running, Slot::a);
}

TEST_P(BootControlConformance, APowerCutAtAnyWriteLeavesTheOldOrTheNewChoice) {
    const auto sweep = [&](auto prepare, const std::function<void(BootControl&)>& change,
                           auto is_old, auto is_new) -> int {
        for (int write = 0;; ++write) {
            bench_ = GetParam()();
            prepare();
            const auto cut = bench_->cut_power(write, change);
            if (!cut) return -1;
            const auto now = status();
            EXPECT_TRUE(is_new(now) || (*cut && is_old(now))) << "write " << write;
            if (!*cut || HasFailure()) return write;
        }
    };
    const auto on_trial = [&] {
        ASSERT_TRUE(boot().start_trial(Slot::b, 2));
        bench_->power_cycle();
    };
    const auto runs_committed_a = [](const BootStatus& now) {
        return now.running == Slot::a && now.committed == Slot::a && !now.trial;
    };
    const auto runs_trial_b = [](const BootStatus& now) {
        return now.running == Slot::b && now.committed == Slot::a && now.trial == Slot::b;
    };
    const auto runs_committed_b = [](const BootStatus& now) {
        return now.running == Slot::b && now.committed == Slot::b && !now.trial;
    };
    const int writes =
        sweep([] {}, [](BootControl& control) { (void)control.start_trial(Slot::b, 2); },
              runs_committed_a, runs_trial_b);
    if (writes < 0) GTEST_SKIP() << "the bench cannot cut power inside a call";
    EXPECT_GE(writes, 1);
    EXPECT_GE(sweep(
                  on_trial, [](BootControl& control) { (void)control.confirm(Slot::b); },
                  runs_trial_b, runs_committed_b),
              1);
    EXPECT_GE(sweep(
                  on_trial, [](BootControl& control) { (void)control.end_trial(); }, runs_trial_b,
                  runs_committed_a),
              1);
}

TEST_P(BootControlConformance, ADamagedNewestRecordLeavesTheOneBefore) {
    ASSERT_TRUE(boot().confirm(Slot::a));
    ASSERT_TRUE(boot().start_trial(Slot::b, 2));
    if (!bench_->damage_newest_record()) GTEST_SKIP() << "the back-end keeps one record";
    EXPECT_EQ(status().trial, std::nullopt) << "the trial was lost, and nothing else";
    EXPECT_EQ(status().committed, Slot::a);
    ASSERT_TRUE(boot().start_trial(Slot::b, 2)) << "a damaged copy is written over";
    EXPECT_EQ(after_power_cycle().running, Slot::b);
}

}  // namespace cutover
