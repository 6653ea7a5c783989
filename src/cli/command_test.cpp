// What commands ask of the device, and what they return to the shell.

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <sstream>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "cli/exit_code.h"
#include "cli/grammar.h"
#include "cli/session.h"
#include "cli/test_world.h"
#include "cli/text.h"
#include "model/device.h"
#include "model/event.h"
#include "model/fake_device.h"
#include "model/operation.h"
#include "model/package_kind.h"

namespace cutover::cli {
namespace {

class CommandTest : public testing::Test {
protected:
    CommandTest() { world_.package("nos-1.2.0.cc"); }
    TestWorld::Outcome run(const std::vector<std::string>& args) { return world_.run(args); }

    TestWorld world_;
};

nlohmann::json last_object(const std::string& lines) {
    const auto end = lines.rfind('\n');
    const auto begin = lines.rfind('\n', end - 1);
    return nlohmann::json::parse(lines.substr(begin == std::string::npos ? 0 : begin + 1));
}

TEST_F(CommandTest, AsksForExactlyWhatWasTyped) {
    const auto outcome =
        run({"upgrade", "nos-1.2.0.cc", "https://example.net/acl.ccx", "--mode", "next-startup",
             "--trial", "10", "--force", "space,health", "--plan", "7f3c9a12", "--no-wait"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const auto request = world_.device.last_request();
    EXPECT_EQ(request.kind, OperationKind::upgrade);
    const auto file = (world_.folder.path() / "nos-1.2.0.cc").string();
    EXPECT_EQ(request.sources, (std::vector<std::string>{file, "https://example.net/acl.ccx"}))
        << "files become absolute, URLs stay";
    EXPECT_EQ(request.mode, Mode::next_startup);
    EXPECT_EQ(request.trial, std::chrono::minutes(10));
    EXPECT_EQ(request.force, (std::vector<std::string>{"space", "health"}));
    EXPECT_EQ(request.plan_hash, "7f3c9a12");
    EXPECT_NE(outcome.out.find("cutover show operation 14 --follow"), std::string::npos);
}

TEST_F(CommandTest, TakesOptionsBeforeAndAfterTheCommand) {
    EXPECT_EQ(run({"--json", "show", "version"}).out, run({"show", "version", "--json"}).out);
    EXPECT_EQ(run({"rollback", "12", "--no-wait"}).code, 0);
    EXPECT_EQ(world_.device.last_request().generation, 12);
}

TEST_F(CommandTest, FindsTheDevice) {
    const auto here = world_.folder.path();
    run({"show", "version"});
    EXPECT_EQ(world_.asked_for.socket_path(), "/run/cutover/cutover.sock");
    ASSERT_TRUE(write_file_durably(here / "device.toml", ""));
    run({"show", "version"});
    EXPECT_EQ(world_.asked_for.socket_path(), here / "cutover.sock") << "it is in this folder";
    world_.device_variable = "/from/variable";
    run({"show", "version"});
    EXPECT_EQ(world_.asked_for.socket_path(), "/from/variable/cutover.sock");
    run({"show", "version", "--device", "other"});
    EXPECT_EQ(world_.asked_for.socket_path(), here / "other/cutover.sock");
    run({"show", "version", "--socket", "/tmp/x.sock"});
    EXPECT_EQ(world_.asked_for.socket_path(), "/tmp/x.sock");
}

TEST_F(CommandTest, ReturnsTheExitCodesThatScriptsBranchOn) {
    EXPECT_EQ(run({"install", "nos-1.2.0.cc"}).code, 0);
    EXPECT_EQ(run({"install"}).code, 2);
    EXPECT_EQ(run({"revert", "--trial", "5"}).code, 2) << "not an option of it";
    EXPECT_EQ(run({"upgrade", "nos-1.2.0.cc", "--trial", "-5"}).code, 2);
    EXPECT_EQ(run({"upgrade", "nos-1.2.0.cc", "--timeout", "10"}).code, 2) << "10 what?";
    EXPECT_EQ(run({"nonsense"}).code, 2);
    EXPECT_EQ(run({"install", "missing.cc"}).code, 3);
    EXPECT_EQ(run({"upgrade", "nos-1.2.0.cc", "--plan", "other"}).code, 3);
    EXPECT_EQ(run({"rollback", "99"}).code, 3);
    world_.device.play(FakeDevice::Story::fails_to_install);
    const auto failed = run({"install", "nos-1.2.0.cc"});
    EXPECT_EQ(failed.code, 1);
    EXPECT_NE(failed.err.find("error[slot.no_space]"), std::string::npos);
    EXPECT_NE(failed.err.find("  cause:  /data"), std::string::npos);
    EXPECT_NE(failed.err.find("  remedy: Free 34 MB"), std::string::npos);
    world_.unreachable = make_error(Errc::unavailable, "nobody");
    EXPECT_EQ(run({"show", "version"}).code, 4);
    EXPECT_EQ(run({"upgrade", "nos-1.2.0.cc"}).code, 4);
}

TEST_F(CommandTest, SaysWhoIsAtWorkWhenAnotherOperationIs) {
    world_.device.allow_beats(0);
    EXPECT_EQ(run({"upgrade", "nos-1.2.0.cc", "--no-wait"}).code, 0);
    const auto second = run({"install", "nos-1.2.0.cc"});
    EXPECT_EQ(second.code, 3);
    EXPECT_NE(second.err.find("operation 14 is at work"), std::string::npos);
}

TEST_F(CommandTest, StopsWaitingAfterTheTimeoutAndLeavesTheOperationAtWork) {
    world_.clock.time_flies = true;
    world_.device.allow_beats(3);
    const auto outcome = run({"upgrade", "nos-1.2.0.cc", "--timeout", "30s"});
    EXPECT_EQ(outcome.code, 5);
    EXPECT_NE(outcome.err.find("error[cli.waiting_ended]: operation 14"), std::string::npos);
    EXPECT_NE(outcome.err.find("--timeout 30s has passed"), std::string::npos);
    EXPECT_NE(outcome.err.find("cutover show operation 14 --follow"), std::string::npos);
    EXPECT_EQ(world_.device.operation(14)->state, OperationState::running);

    world_.device.allow_beats(1000);
    const auto rest = run({"show", "operation", "14", "--follow"});
    EXPECT_EQ(rest.code, 0) << rest.err;
    EXPECT_NE(rest.out.find("Done: nos 1.2.0 runs in slot A"), std::string::npos);
}

TEST_F(CommandTest, StopsFollowingAtCtrlCAndSaysHowToPickItUp) {
    world_.device.allow_beats(3);
    world_.interrupts = [](std::stop_source stop) {
        stop.request_stop();
        return std::make_shared<int>(0);
    };
    const auto outcome = run({"upgrade", "nos-1.2.0.cc"});
    EXPECT_EQ(outcome.code, 5);
    EXPECT_NE(outcome.err.find("following was interrupted"), std::string::npos);
    EXPECT_NE(outcome.err.find("cutover show operation 14 --follow"), std::string::npos);
    world_.interrupts = nullptr;
    world_.device.play_to_the_end();
    EXPECT_EQ(run({"show", "operation", "14", "--follow"}).code, 0);
}

TEST_F(CommandTest, FollowsOverARestartAndSaysSoOnce) {
    world_.device.lose_connections_at_reboot(20);
    const auto outcome = run({"upgrade", "nos-1.2.0.cc"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const auto first = outcome.err.find("device is restarting");
    ASSERT_NE(first, std::string::npos);
    EXPECT_EQ(outcome.err.find("device is restarting", first + 1), std::string::npos);
}

TEST_F(CommandTest, GivesUpOnADeviceThatNeverComesBack) {
    world_.device.lose_connections_at_reboot(1'000'000);
    const auto outcome = run({"upgrade", "nos-1.2.0.cc"});
    EXPECT_EQ(outcome.code, 4);
}

TEST_F(CommandTest, ExitsWithTheCodeOfTheOperationItFollows) {
    world_.device.play(FakeDevice::Story::fails_its_trial);
    EXPECT_EQ(run({"upgrade", "nos-1.2.0.cc", "--no-wait"}).code, 0);
    EXPECT_EQ(run({"show", "operation", "14", "--follow"}).code, 1);
    EXPECT_EQ(run({"show", "operation", "14"}).code, 0) << "looking is no failure";
}

TEST_F(CommandTest, ResetsADeviceOnlyForWhoSaysThatItIsMeant) {
    EXPECT_EQ(run({"reset", "--yes"}).code, 2) << "without --factory";
    EXPECT_EQ(run({"reset", "--factory"}).code, 3) << "a pipe cannot answer";
    EXPECT_EQ(run({"reset", "--factory", "--json"}).code, 3);
    world_.sit_at_a_terminal();
    world_.answers = "n\n";
    const auto declined = run({"reset", "--factory"});
    EXPECT_EQ(declined.code, 3);
    EXPECT_NE(declined.err.find("There is no way back. Reset it now? [y/N]"), std::string::npos);
    EXPECT_EQ(run({"reset", "--factory", "--yes"}).code, 0);
}

TEST_F(CommandTest, AsksBeforeARebootOnlyAtATerminal) {
    EXPECT_EQ(run({"reboot"}).code, 0) << "a pipe cannot answer";
    world_.sit_at_a_terminal();
    world_.answers = "n\n";
    const auto declined = run({"revert"});
    EXPECT_EQ(declined.code, 3);
    EXPECT_NE(declined.err.find("Reboot now? [y/N]"), std::string::npos);
    EXPECT_NE(declined.err.find("nothing was changed"), std::string::npos);
    EXPECT_EQ((*world_.device.operations(1))[0].id, 14) << "only the reboot of before";
    world_.answers = "";
    EXPECT_EQ(run({"rollback"}).code, 3) << "no answer is no";
    EXPECT_EQ(run({"rollback", "--yes"}).code, 0);
    world_.answers = "y\n";
    EXPECT_EQ(run({"revert"}).code, 0);
    EXPECT_EQ(run({"revert", "--mode", "next-startup"}).err.find("[y/N]"), std::string::npos)
        << "nothing is rebooted";
}

TEST_F(CommandTest, AnswersAnOperationThatWaitsForItsCommit) {
    EXPECT_EQ(run({"upgrade", "nos-1.2.0.cc", "--trial", "10"}).code, 0);
    EXPECT_EQ(world_.device.operation(14)->state, OperationState::awaiting_commit);
    const auto back = run({"rollback"});
    EXPECT_EQ(back.code, 0) << back.err;
    EXPECT_EQ(world_.device.operation(14)->state, OperationState::cancelled);
    EXPECT_EQ(world_.device.state()->marks.running, 13);

    EXPECT_EQ(run({"activate", "--trial", "10"}).code, 0);
    const auto kept = run({"commit"});
    EXPECT_EQ(kept.code, 0) << kept.err;
    EXPECT_NE(kept.out.find("committed"), std::string::npos) << kept.out;
    EXPECT_EQ(world_.device.operation(15)->state, OperationState::done);
}

TEST_F(CommandTest, ExitsWithThreeWhenACheckRefusesTheOperation) {
    world_.device.refuse_with({.kind = Errc::io, .id = "check.space", .message = "too little"});
    const auto refused = run({"install", "nos-1.2.0.cc"});
    EXPECT_EQ(refused.code, 3) << "whatever kind of error it was: nothing was changed";
    EXPECT_NE(refused.err.find("error[check.space]: too little"), std::string::npos);
    EXPECT_EQ(last_object(run({"install", "nos-1.2.0.cc", "--json"}).out).at("exit_code"), 3);
}

TEST_F(CommandTest, CancelsTheOperationAtWork) {
    world_.device.allow_beats(2);
    run({"upgrade", "nos-1.2.0.cc", "--no-wait"});
    world_.device.allow_beats(100);
    const auto cancelled = run({"cancel"});
    EXPECT_EQ(cancelled.code, 0) << cancelled.err;
    EXPECT_EQ(world_.device.operation(14)->state, OperationState::cancelled);
    EXPECT_EQ(run({"cancel", "13"}).code, 3) << "it is over";
}

TEST_F(CommandTest, DoesNotCallARebootDoneWhileWhatItBringsIsStillToBeJudged) {
    world_.device.edit([](DeviceState& state) { state.marks.startup = 12; });
    const auto outcome = run({"reboot"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("on trial now"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("cutover show operations"), std::string::npos) << outcome.out;
    EXPECT_EQ(outcome.out.find("Done"), std::string::npos) << outcome.out;
}

TEST_F(CommandTest, SendsThePatchCommandsForPatchesAlone) {
    world_.package("fix-1.PAT");
    run({"patch", "load", "fix-1.PAT"});
    EXPECT_EQ(world_.device.last_request().only_kind, PackageKind::patch);
    run({"patch", "delete", "fix"});
    EXPECT_EQ(world_.device.last_request().only_kind, PackageKind::patch);
    run({"packages", "drop", "bgp@8.5"});
    EXPECT_EQ(world_.device.last_request().kind, OperationKind::discard);
    EXPECT_EQ(world_.device.last_request().packages, std::vector<std::string>{"bgp@8.5"});
    EXPECT_FALSE(world_.device.last_request().only_kind);
    const auto shown = nlohmann::json::parse(run({"show", "operation", "14", "--json"}).out);
    EXPECT_EQ(shown.at("request").at("only_kind"), "patch");
    EXPECT_EQ(shown.at("request").at("with_dependents"), false);
}

TEST_F(CommandTest, TakesForceOfAReloadWithoutAWordForData) {
    run({"packages", "reload", "--force"});
    EXPECT_EQ(world_.device.last_request().force, std::vector<std::string>{"data"});
    run({"packages", "reload", "--force", "--no-wait"});
    EXPECT_EQ(world_.device.last_request().force, std::vector<std::string>{"data"});
    run({"packages", "reload", "--force", "health,data"});
    EXPECT_EQ(world_.device.last_request().force, (std::vector<std::string>{"health", "data"}));
    run({"packages", "reload"});
    EXPECT_TRUE(world_.device.last_request().force.empty());
}

TEST_F(CommandTest, PrintsOneJsonObjectALineWhileFollowing) {
    const auto outcome = run({"upgrade", "nos-1.2.0.cc", "--json"});
    EXPECT_EQ(outcome.err, "");
    std::vector<std::string> types;
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);)
        types.push_back(nlohmann::json::parse(line).at("type"));
    EXPECT_EQ(types.front(), "started");
    EXPECT_EQ(types.back(), "result");
    EXPECT_EQ(std::ranges::count(types, "result"), 1);
    EXPECT_GT(std::ranges::count(types, "event"), 5);
    EXPECT_GT(std::ranges::count(types, "progress"), 1);
    EXPECT_EQ(last_object(outcome.out).at("exit_code"), 0);
    EXPECT_EQ(last_object(outcome.out).at("operation").at("state"), "done");
}

TEST_F(CommandTest, PrintsErrorsAsJsonToo) {
    for (const auto& args : std::vector<std::vector<std::string>>{
             {"install", "missing.cc", "--json"}, {"nonsense", "--json"}}) {
        const auto outcome = run(args);
        const auto json = nlohmann::json::parse(outcome.out);
        EXPECT_EQ(json.at("exit_code"), outcome.code);
        EXPECT_EQ(json.at("error").at("id").get<std::string>().substr(0, 4), "cli.");
        EXPECT_EQ(outcome.err, "");
    }
}

TEST_F(CommandTest, ShowsEventsThatAreKeptAndThenEnds) {
    world_.device.publish("test.one", "first");
    world_.device.publish("test.two", "second", 7);
    const auto all = run({"events"});
    EXPECT_EQ(all.code, 0);
    EXPECT_NE(all.out.find("test.one"), std::string::npos);
    EXPECT_NE(all.out.find("operation 7: second"), std::string::npos);
    EXPECT_EQ(run({"events", "--last", "1"}).out.find("test.one"), std::string::npos);
    EXPECT_EQ(run({"events", "--operation", "7"}).out.find("test.one"), std::string::npos);
    EXPECT_EQ(last_object(run({"events", "--after", "101", "--json"}).out).at("sequence"), 102);
    EXPECT_EQ(run({"events", "--after", "102"}).out, "");
}

TEST_F(CommandTest, FollowsEventsUntilCtrlC) {
    world_.device.publish("test.one", "first");
    std::stop_source pressed;
    world_.interrupts = [&pressed](std::stop_source stop) {
        return std::make_shared<std::stop_callback<std::function<void()>>>(
            pressed.get_token(), [stop]() mutable { stop.request_stop(); });
    };
    pressed.request_stop();
    EXPECT_EQ(run({"events", "--follow"}).code, 0);
}

TEST_F(CommandTest, LetsNothingOfTheDeviceSteerTheTerminal) {
    const std::string evil = "x\x1b]0;title\x07\x1b[2J\xE2\x80\xAEy";
    world_.device.edit([&](DeviceState& state) {
        state.device_name = evil;
        state.boot_reason = evil;
        state.health[0].detail = evil;
        state.alarms.push_back({.name = evil, .severity = Severity::major, .text = evil});
        state.generations[0].packages.push_back({.name = evil});
    });
    world_.device.set_log({evil});
    world_.device.publish(evil, evil);
    for (const auto& args : std::vector<std::vector<std::string>>{{},
                                                                  {"show", "status"},
                                                                  {"show", "health"},
                                                                  {"show", "alarms"},
                                                                  {"show", "generations"},
                                                                  {"show", "log"},
                                                                  {"events"}}) {
        const auto outcome = run(args);
        EXPECT_EQ(outcome.code, 0);
        EXPECT_EQ(outcome.out.find_first_of("\x1b\x07"), std::string::npos) << outcome.out;
        EXPECT_EQ(outcome.out.find("\xE2\x80\xAE"), std::string::npos) << "turns text around";
    }
}

TEST_F(CommandTest, KeepsEveryTableWithinTheTerminal) {
    world_.device.edit([](DeviceState& state) {
        for (int i = 0; i < 30; ++i)
            state.generations[1].packages.push_back(
                {.kind = PackageKind::feature,
                 .name = "a-feature-with-a-long-name-" + std::to_string(i)});
        state.marks.startup = 12;
        state.health[0].detail = std::string(300, 'd');
        state.alarms.push_back({.name = std::string(150, 'n'), .text = std::string(500, 't')});
    });
    for (const int width : {60, 80, 100}) {
        world_.terminal.width = width;
        for (const auto* what : {"version", "generations", "operations", "packages", "health",
                                 "alarms", "status", "startup"}) {
            const auto text = run({"show", what}).out;
            for (const auto& line : wrapped(text, 10'000))
                EXPECT_LE(display_width(line), static_cast<std::size_t>(width)) << what << '\n'
                                                                                << text;
        }
    }
}

TEST_F(CommandTest, ColorsOnlyWhatTheWordsAlreadySay) {
    world_.sit_at_a_terminal();
    world_.device.play(FakeDevice::Story::fails_its_trial);
    const auto plain = run({"upgrade", "nos-1.2.0.cc"});
    EXPECT_EQ(plain.err.find("\x1b[3"), std::string::npos);
    world_.terminal.color = true;
    const auto colored = run({"show", "operation", "14"});
    EXPECT_NE(colored.out.find("\x1b[31mfailed\x1b[0m"), std::string::npos);
}

TEST_F(CommandTest, TakesCommandsOfOthersIntoHelpAndCompletion) {
    world_.more_commands = {[](CLI::App& root, Actions& actions) {
        auto& package = add_command(root, "package", "Make packages.", {"cutover package build"});
        package.require_subcommand(1);
        auto& build = add_command(package, "build", "Build one.", {"cutover package build"});
        actions.bind(build, [](Session& session) -> Result<ExitCode> {
            session.print_line("built");
            return ExitCode::done;
        });
    }};
    EXPECT_EQ(run({"package", "build"}).out, "built\n");
    EXPECT_NE(run({"--help"}).out.find("Make packages."), std::string::npos);
    EXPECT_NE(run({"generate", "completion"}).out.find("'cutover package build'"),
              std::string::npos);
}

}  // namespace
}  // namespace cutover::cli
