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

constexpr auto* kHostname = "/ietf-system:system/hostname";
constexpr auto* kContact = "/ietf-system:system/contact";
constexpr auto* kUplink = "/ietf-interfaces:interfaces/interface[name='eth0']";

TEST_F(Transcript, OfConfiguration) {
    type({"config", "show"});
    type({"config", "show", "/ietf-system:system", "--format", "json"});
    type({"config", "show", "/ietf-system:system", "--format", "xml"});
    type({"config", "get", kHostname});
    type({"config", "set", kHostname, "core-1"});
    type({"config", "set", kContact, "noc@example.net"});
    type({"config", "delete", std::string(kUplink) + "/description"});
    type({"config", "get", kHostname, "--candidate"});
    type({"config", "diff"});
    type({"config", "status"});
    type({"config", "commit", "--confirm", "10", "--comment", "a better name"});
    type({"config", "save"});
    type({"config", "status"});
    type({"config", "commit"});
    type({"config", "diff", "--startup"});
    type({"config", "save"});
    type({"config", "rollback", "2"});
    type({"config", "diff", "--revision", "2", "3"});
    type({"config", "history"});
    type({"config", "set", kHostname, "edge"});
    type({"config", "commit", "--confirm", "1"});
    type({"config", "rollback"});
    type({"config", "diff"});
    expect_golden("config");
}

TEST_F(Transcript, OfConfigurationWithJson) {
    type({"config", "show", "/ietf-system:system", "--json"});
    type({"config", "show", "/ietf-system:system", "--format", "xml", "--startup", "--json"});
    type({"config", "get", kHostname, "--revision", "1", "--json"});
    type({"config", "set", kHostname, "core-1", "--session", "night", "--json"});
    type({"config", "diff", "--session", "night", "--json"});
    type({"config", "commit", "--session", "night", "--confirm", "10", "--json"});
    type({"config", "status", "--json"});
    type({"config", "commit", "--json"});
    type({"config", "commit", "--json"});
    type({"config", "save", "--json"});
    type({"config", "history", "--count", "2", "--json"});
    type({"config", "rollback", "--json"});
    type({"config", "discard", "--json"});
    expect_golden("config-json");
}

TEST_F(Transcript, OfInstancesThatMove) {
    const auto device = [](const std::string& name) {
        return "/ietf-devices:devices/device[name='" + name + "']";
    };
    for (const auto* name : {"r1", "r2", "r3"}) {
        type({"config", "set", device(name) + "/driver", "router@1"});
        type({"config", "set", device(name) + "/bgp/as", "65001"});
    }
    type({"config", "set", device("r2") + "/banner", "hello"});
    type({"config", "commit"});
    const std::vector<std::string> migrate{"migrate", "--from", "router@1", "--to", "router@2"};
    const auto move = [&](const std::vector<std::string>& more) {
        auto words = migrate;
        words.insert(words.end(), more.begin(), more.end());
        type(words);
    };
    move({"--all", "--dry-run", "--report"});
    move({"--instance", device("r3"), "--dry-run", "--report"});
    move({"--all"});
    move({"--instance", device("r2"), "--json"});
    move({"--instance", device("r2"), device("r3"), "--force", "--report"});
    move({"--all"});
    move({"--instance", device("r2")});
    move({});
    move({"--all", "--instance", device("r2")});
    type({"migrate", "--from", "router@1", "--to", "switch@2", "--all"});
    type({"config", "history", "--count", "3"});
    expect_golden("migrate");
}

TEST_F(Transcript, OfInstancesThatMoveAFewAtATime) {
    for (const auto* name : {"r1", "r2", "r3", "r4", "r5"})
        type({"config", "set", fmt::format("/ietf-devices:devices/device[name='{}']/driver", name),
              "router@1"});
    type({"config", "commit"});
    world_.device.config().set_at_once(2);
    const std::vector<std::string> migrate{"migrate", "--from",   "router@1",
                                           "--to",    "router@2", "--all"};
    world_.interrupts = [](std::stop_source stop) -> std::shared_ptr<void> {
        stop.request_stop();
        return {};
    };
    type(migrate);
    world_.interrupts = {};
    type(migrate);
    type({"config", "history", "--count", "4"});
    expect_golden("migrate-on");
}

TEST_F(Transcript, OfConfigurationAtATerminal) {
    world_.sit_at_a_terminal();
    world_.terminal.color = true;
    type({"config", "set", kHostname, "core-1"});
    type({"config", "set", kContact, "noc@example.net"});
    type({"config", "delete", std::string(kUplink) + "/description"});
    type({"config", "diff"});
    world_.answers = "n\n";
    type({"config", "discard"});
    world_.answers = "y\n";
    type({"config", "discard"});
    type({"config", "discard"});
    type({"config", "set", kHostname, "edge", "--session", "night"});
    type({"config", "commit", "--session", "night"});
    expect_golden("config-terminal");
}

TEST_F(Transcript, OfRefusedConfiguration) {
    auto& config = world_.device.config();
    const auto mtu = std::string(kUplink) + "/ietf-ip:ipv4/mtu";
    type({"config", "commit"});
    type({"config", "set", mtu, "jumbo"});
    type({"config", "commit"});
    type({"config", "discard"});
    type({"config", "set", "/nonsense:a", "1"});
    type({"config", "get", "/ietf-system:system/nothing"});
    type({"config", "show", "--revision", "99"});
    type({"config", "show", "--startup", "--candidate"});
    type({"config", "show", "--format", "yaml"});
    type({"config", "load", "missing.json"});
    type({"config", "set", kHostname, "mine"});
    type({"config", "set", kHostname, "theirs", "--session", "bob"});
    type({"config", "commit", "--session", "bob"});
    type({"config", "commit"});
    config.set_read_only("operation 7 (upgrade base nos 1.1.0 -> 1.2.0) is at work");
    config.add_behind("web: does not answer on /run/web.sock");
    config.set_problem("local", "there is no /ietf-system:system/hostname any more");
    type({"config", "commit"});
    type({"config", "status"});
    world_.device.forget_configuration();
    type({"config", "status"});
    type({"config"});
    type({"config", "comit"});
    expect_golden("config-refusals");
}

TEST_F(Transcript, OfHelpWithConfiguration) {
    type({"config", "--help"});
    for (const auto* what : {"show", "get", "set", "delete", "load", "diff", "commit", "discard",
                             "save", "history", "rollback", "status"})
        type({"config", what, "--help"});
    expect_golden("config-help");
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
