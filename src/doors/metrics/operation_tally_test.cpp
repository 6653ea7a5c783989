#include "doors/metrics/operation_tally.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "model/operation.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;

Operation ended(OperationId id, OperationKind kind, OperationState state) {
    return {.id = id,
            .request = {.kind = kind},
            .state = state,
            .started = WallTime(1000s),
            .ended = WallTime(1000s) + 20s,
            .interruption = 1500ms,
            .reboots = kind == OperationKind::upgrade ? 2 : 0};
}

OperationTally fresh(const std::filesystem::path& file) {
    Result<> problem;
    auto tally = OperationTally::load(file, problem);
    EXPECT_TRUE(problem);
    return tally;
}

TEST(OperationTally, CountsEachOperationOnceOverRestartsOfTheAgent) {
    const auto folder = TempFolder::create(testing::TempDir(), "tally");
    ASSERT_TRUE(folder);
    const auto file = folder->path() / "metrics.json";
    const auto failed = ended(1, OperationKind::upgrade, OperationState::failed);
    auto done = ended(2, OperationKind::install, OperationState::running);
    {
        auto tally = fresh(file);
        tally.count_start();
        EXPECT_TRUE(tally.add({done, failed}));
        ASSERT_TRUE(tally.save());
    }
    auto tally = fresh(file);
    tally.count_start();
    EXPECT_FALSE(tally.add({done, failed}));
    done.state = OperationState::done;
    EXPECT_TRUE(tally.add({done, failed}));
    EXPECT_EQ(tally.agent_starts, 2U);
    EXPECT_EQ(tally.reboots, 2U);
    EXPECT_EQ(tally.fallbacks, 1U);
    EXPECT_EQ(tally.interruption_ms, 3000U);
    EXPECT_EQ((tally.ended.at({OperationKind::upgrade, OperationState::failed})), 1U);
    EXPECT_EQ((tally.ended.at({OperationKind::install, OperationState::done})), 1U);
    EXPECT_EQ(tally.durations.at(OperationKind::upgrade).sum_ms, 20'000U);
    EXPECT_EQ(tally.durations.at(OperationKind::upgrade).counts.at(3), 1U);  // at most 30 s
}

TEST(OperationTally, ADeviceThatWasResetIsCountedFromItsFirstOperationOn) {
    auto tally = fresh("/nonexistent/metrics.json");
    EXPECT_TRUE(tally.add({ended(7, OperationKind::install, OperationState::done)}));
    EXPECT_TRUE(tally.add({ended(1, OperationKind::install, OperationState::done)}));
    EXPECT_EQ((tally.ended.at({OperationKind::install, OperationState::done})), 2U);
}

TEST(OperationTally, AFileOfAnotherKindBeginsTheCountAnew) {
    const auto folder = TempFolder::create(testing::TempDir(), "tally");
    ASSERT_TRUE(folder);
    const auto file = folder->path() / "metrics.json";
    for (const auto* const text :
         {"", "no JSON", "[]", R"({"last": "x", "ended": 3})",
          R"({"ended": [7, {"kind": "upgrade", "result": "running", "count": 1}]})",
          R"({"durations": [{"kind": "upgrade", "counts": [-1, "x"], "sum_ms": -2}]})"}) {
        ASSERT_TRUE(write_file_durably(file, text));
        Result<> problem;
        const auto tally = OperationTally::load(file, problem);
        EXPECT_EQ(problem.has_value(), std::string(text).starts_with('{')) << text;
        EXPECT_TRUE(tally.ended.empty()) << text;
        EXPECT_EQ(tally.last, 0) << text;
    }
}

}  // namespace
}  // namespace cutover
