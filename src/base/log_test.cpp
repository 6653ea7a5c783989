#include "base/log.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include <gtest/gtest.h>

#include "base/files.h"

namespace cutover {
namespace {

TEST(Log, WritesOneJsonObjectALine) {
    const auto folder = TempFolder::create(testing::TempDir(), "log");
    ASSERT_TRUE(folder);
    const auto file = folder->path() / "agent.log";
    auto log = Log::open({.to_stderr = false, .json_file = file});
    ASSERT_TRUE(log);
    (*log)->info("stage\nbegun", {{"operation", "14"}});
    (*log)->debug("below the level");

    const auto text = read_file(file, 10'000);
    ASSERT_TRUE(text);
    ASSERT_EQ(std::ranges::count(*text, '\n'), 1);
    const auto line = nlohmann::json::parse(*text);
    EXPECT_EQ(line["level"], "info");
    EXPECT_EQ(line["text"], "stage\nbegun");
    EXPECT_EQ(line["operation"], "14");
}

TEST(Log, SaysWhichFileItCannotOpen) {
    const auto log = Log::open({.to_stderr = false, .json_file = "/proc/none/agent.log"});
    ASSERT_FALSE(log);
    EXPECT_TRUE(log.error().message.contains("/proc/none/agent.log"));
}

}  // namespace
}  // namespace cutover
