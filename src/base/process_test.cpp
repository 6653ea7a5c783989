#include "base/process.h"

#include <chrono>
#include <stop_token>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;

TEST(RunProcess, GivesExitCodeAndOutput) {
    const auto result = run_process({.command = {"sh", "-c", "echo out; echo err >&2; exit 3"}});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_code, 3);
    EXPECT_EQ(result->output, "out\nerr\n");
}

TEST(RunProcess, GivesOnlyTheEnvironmentAskedFor) {
    const auto result =
        run_process({.command = {"env"}, .environment = {{"ONE", "1"}, {"PATH", "/usr/bin:/bin"}}});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->output, "ONE=1\nPATH=/usr/bin:/bin\n");
}

TEST(RunProcess, KillsWhatTakesTooLongWithItsChildren) {
    const auto result =
        run_process({.command = {"sh", "-c", "echo begun; sleep 60 & sleep 60"}, .timeout = 200ms});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, Errc::timeout);
    EXPECT_TRUE(result.error().message.contains("begun"));
}

TEST(RunProcess, StopsWhenTheCallerIsStopped) {
    std::stop_source stop;
    stop.request_stop();
    const auto result = run_process({.command = {"sleep", "60"}}, stop.get_token());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, Errc::cancelled);
}

TEST(RunProcess, KeepsOnlyTheFirstBytesOfALongOutput) {
    const auto result =
        run_process({.command = {"sh", "-c", "yes | head -c 1000000"}, .max_output_bytes = 1000});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_EQ(result->output.size(), 1000U);
}

TEST(RunProcess, SaysWhichProgramIsMissing) {
    const auto result = run_process({.command = {"/no/such/program"}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, Errc::not_found);
    EXPECT_TRUE(result.error().message.contains("/no/such/program"));
}

}  // namespace
}  // namespace cutover
