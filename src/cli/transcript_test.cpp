// What a person sees, word for word: compared with tests/golden/cli/. To accept a change, run with
// CUTOVER_UPDATE_GOLDEN=1 and read the difference.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "cli/test_world.h"
#include "cli/text.h"
#include "model/fake_device.h"

namespace cutover::cli {
namespace {

class Transcript : public testing::Test {
protected:
    void type(const std::vector<std::string>& args) {
        const auto outcome = world_.run(args);
        text_ += fmt::format("$ cutover{}{}\n{}", args.empty() ? "" : " ", fmt::join(args, " "),
                             outcome.out);
        if (!outcome.err.empty()) text_ += "--- standard error\n" + outcome.err;
        text_ += fmt::format("--- exit {}\n\n", outcome.code);
        lines_fit(outcome.out);
    }

    void expect_golden(std::string_view name) {
        hide(world_.folder.path().string(), "/home/me");
        const auto path =
            std::filesystem::path(CUTOVER_GOLDEN_FOLDER) / fmt::format("{}.txt", name);
        if (std::getenv("CUTOVER_UPDATE_GOLDEN") != nullptr) {
            ASSERT_TRUE(write_file_durably(path, text_, 0644));
        }
        constexpr std::size_t kMaxBytes = 100'000;
        const auto golden = read_file(path, kMaxBytes);
        ASSERT_TRUE(golden) << golden.error().text();
        EXPECT_EQ(text_, *golden);
    }

    TestWorld world_;

private:
    static void lines_fit(const std::string& out) {
        if (out.starts_with("{")) return;
        for (const auto& line : wrapped(out, 10'000)) EXPECT_LE(display_width(line), 100) << line;
    }
    void hide(const std::string& what, std::string_view with) {
        for (auto at = text_.find(what); at != std::string::npos; at = text_.find(what))
            text_.replace(at, what.size(), with);
    }

    std::string text_;
};

TEST_F(Transcript, OfLookingAtADevice) {
    for (const auto* what : {"version", "generations", "operations", "packages", "health", "alarms",
                             "status", "startup"})
        type({"show", what});
    type({"show", "operation", "13"});
    world_.device.set_log({"10:02:11 info agent started", "10:02:12 info \x1b[31mred\x1b[0m"});
    type({"show", "log"});
    type({});
    expect_golden("show");
}

TEST_F(Transcript, OfLookingAtADeviceWithJson) {
    for (const auto* what : {"version", "generations", "operations", "packages", "health", "alarms",
                             "status", "startup"})
        type({"show", what, "--json"});
    type({"show", "operation", "13", "--json"});
    type({"show", "operation", "99", "--json"});
    type({"--json"});
    expect_golden("show-json");
}

TEST_F(Transcript, OfAnUpgradeInAPipe) {
    world_.package("nos-1.2.0.cc");
    type({"upgrade", "nos-1.2.0.cc", "--preview"});
    type({"upgrade", "nos-1.2.0.cc", "--preview", "--json"});
    type({"upgrade", "nos-1.2.0.cc", "--plan", "7f3c9a12"});
    type({"show", "version"});
    expect_golden("upgrade");
}

TEST_F(Transcript, OfAnUpgradeWithJson) {
    world_.package("nos-1.2.0.cc");
    world_.device.lose_connections_at_reboot(3);
    type({"upgrade", "nos-1.2.0.cc", "--json"});
    expect_golden("upgrade-json");
}

TEST_F(Transcript, OfAnUpgradeAtATerminal) {
    world_.package("nos-1.2.0.cc");
    world_.sit_at_a_terminal();
    type({"upgrade", "nos-1.2.0.cc"});
    expect_golden("upgrade-terminal");
}

TEST_F(Transcript, OfAFailingTrialOverTwoReboots) {
    world_.package("nos-1.2.0.cc");
    world_.device.play(FakeDevice::Story::fails_its_trial);
    world_.device.lose_connections_at_reboot(2);
    type({"upgrade", "nos-1.2.0.cc"});
    type({"show", "operation", "14"});
    type({"show", "version"});
    type({});
    expect_golden("failing-trial");
}

TEST_F(Transcript, OfSmallSteps) {
    world_.package("nos-1.2.0.cc");
    type({"install", "nos-1.2.0.cc"});
    type({"activate", "--mode", "next-startup"});
    type({"show", "startup"});
    type({"activate", "--trial", "10"});
    type({});
    type({"commit"});
    type({"revert"});
    type({"rollback", "12", "--no-wait"});
    type({"show", "status"});
    type({"cancel"});
    type({"cancel"});
    type({"repair"});
    expect_golden("small-steps");
}

TEST_F(Transcript, OfRefusals) {
    type({"upgrade", "missing.cc"});
    type({"upgrade"});
    type({"upgrad", "nos.cc"});
    type({"show", "versoin"});
    type({"show"});
    type({"install", "https://example.net/nos-1.2.0.cc", "--mode", "sometime"});
    world_.device.refuse_with({.kind = Errc::no_space,
                               .id = "check.space",
                               .message = "/data has too little space",
                               .cause = "needs 612 MB, has 578 MB: 34 MB are missing",
                               .remedy = "free 34 MB on /data, then try again"});
    type({"install", "https://example.net/nos-1.2.0.cc"});
    type({"install", "https://example.net/nos-1.2.0.cc", "--preview"});
    type({"install", "https://example.net/nos-1.2.0.cc", "--json"});
    world_.unreachable = make_error(Errc::unavailable, "no agent answers at /run/cutover.sock");
    type({"show", "version"});
    expect_golden("refusals");
}

TEST_F(Transcript, OfHelp) {
    type({"--help"});
    type({"show", "--help"});
    type({"upgrade", "--help"});
    type({"rollback", "--help"});
    type({"show", "operation", "--help"});
    type({"--version"});
    expect_golden("help");
}

}  // namespace
}  // namespace cutover::cli
