// What `cutover config` asks of the configuration, and what it shows of hostile or large ones.

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "cli/config_view.h"
#include "cli/terminal.h"
#include "cli/test_world.h"
#include "cli/text.h"
#include "model/configuration.h"
#include "model/fake_configuration.h"

namespace cutover::cli {
namespace {

constexpr auto* kHostname = "/ietf-system:system/hostname";

class ConfigCommandTest : public testing::Test {
protected:
    TestWorld::Outcome run(const std::vector<std::string>& args) {
        auto typed = args;
        typed.insert(typed.begin(), "config");
        return world_.run(typed);
    }
    FakeConfiguration& config() { return world_.device.config(); }
    ConfigEdit last_edit() {
        const auto edits = config().last_edits();
        EXPECT_EQ(edits.size(), 1U);
        return edits.empty() ? ConfigEdit() : edits.front();
    }
    void write(const std::string& name, const std::string& text) {
        ASSERT_TRUE(write_file_durably(world_.folder.path() / name, text));
    }

    TestWorld world_;
};

TEST_F(ConfigCommandTest, EditsTheCandidateInSilence) {
    const auto set = run({"set", kHostname, "core-1", "--session", "night"});
    EXPECT_EQ(set.code, 0) << set.err;
    EXPECT_EQ(set.out + set.err, "") << "a script hears only errors";
    EXPECT_EQ(last_edit(),
              (ConfigEdit{.kind = ConfigEdit::Kind::set, .path = kHostname, .value = "core-1"}));
    EXPECT_EQ(run({"get", kHostname, "--session", "night"}).out, "core-1\n");
    EXPECT_EQ(run({"get", kHostname, "--candidate"}).out, "lab-router\n") << "one's own";
    EXPECT_EQ(run({"get", kHostname}).out, "lab-router\n");
    EXPECT_EQ(run({"delete", kHostname}).code, 0);
    EXPECT_EQ(last_edit().kind, ConfigEdit::Kind::erase);
}

TEST_F(ConfigCommandTest, TakesEveryValueAsItIs) {
    EXPECT_EQ(run({"set", kHostname}).code, 0);
    EXPECT_EQ(last_edit().value, "") << "a container, or an empty leaf";
    EXPECT_EQ(run({"set", kHostname, ""}).code, 0);
    EXPECT_EQ(run({"set", "/ietf-a:b", "-5"}).code, 0);
    EXPECT_EQ(last_edit().value, "-5");
    EXPECT_EQ(run({"set", "/ietf-a:b", "--", "-nobody-"}).code, 0);
    EXPECT_EQ(last_edit().value, "-nobody-");
    EXPECT_EQ(run({"set", kHostname, "two words, 'quoted'"}).code, 0);
    EXPECT_EQ(last_edit().value, "two words, 'quoted'");
    EXPECT_EQ(run({"set", kHostname, "[a,b]"}).code, 0);
    EXPECT_EQ(last_edit().value, "[a,b]");
    const auto broken = run({"set", kHostname, "a\xFF"});
    EXPECT_EQ(broken.code, 2);
    EXPECT_NE(broken.err.find("not UTF-8"), std::string::npos) << broken.err;
}

TEST_F(ConfigCommandTest, LoadsDocumentsOfFilesAndStandardInput) {
    write("a.json", R"({"/ietf-system:system/hostname": "from-file"})");
    EXPECT_EQ(run({"load", "a.json"}).code, 0);
    EXPECT_EQ(last_edit().kind, ConfigEdit::Kind::merge);
    EXPECT_EQ(last_edit().format, ConfigFormat::json);
    EXPECT_EQ(run({"get", kHostname, "--candidate"}).out, "from-file\n");

    world_.answers = "\n <set path=\"/ietf-a:b\">1</set>\n";
    run({"load", "-", "--replace"});
    EXPECT_EQ(last_edit().kind, ConfigEdit::Kind::replace);
    EXPECT_EQ(last_edit().format, ConfigFormat::xml) << "as it begins";
    EXPECT_EQ(last_edit().value, world_.answers);
    run({"load", "-", "--format", "json"});
    EXPECT_EQ(last_edit().format, ConfigFormat::json) << "as it was said";
    EXPECT_EQ(run({"load", "a.json", "--format", "tree"}).code, 2);
    write("b.json", "\xFF\xFE");
    EXPECT_EQ(run({"load", "b.json"}).code, 2);
    EXPECT_EQ(run({"load", "missing.json"}).code, 3);
    write("c.json", "nonsense");
    const auto refused = run({"load", "c.json"});
    EXPECT_EQ(refused.code, 3);
    EXPECT_NE(refused.err.find("error[config.unreadable]"), std::string::npos);
}

TEST_F(ConfigCommandTest, WhatItShowsCanBeLoadedAgain) {
    for (const std::string format : {"json", "xml"}) {
        write("saved", run({"show", "--format", format}).out);
        EXPECT_EQ(run({"set", kHostname, "lost"}).code, 0);
        EXPECT_EQ(run({"load", "saved", "--replace"}).code, 0) << format;
        EXPECT_EQ(run({"diff"}).out, "Nothing differs.\n") << format;
    }
}

TEST_F(ConfigCommandTest, CommitsAsItWasTyped) {
    run({"set", kHostname, "core-1"});
    const auto committed = run({"commit", "--confirm", "10", "--comment", "a better name"});
    EXPECT_EQ(committed.code, 0) << committed.err;
    EXPECT_EQ(config().last_commit().confirm, std::chrono::minutes(10));
    EXPECT_EQ(config().last_commit().comment, "a better name");
    EXPECT_NE(committed.out.find("Committed revision 3"), std::string::npos) << committed.out;
    EXPECT_NE(committed.out.find("cutover config commit"), std::string::npos) << "what to do now";
    EXPECT_EQ(run({"save"}).code, 3) << "not while it is on trial";
    EXPECT_NE(run({"commit"}).out.find("Confirmed: revision 3"), std::string::npos);
    EXPECT_EQ(run({"commit"}).code, 3) << "nothing to commit";
    EXPECT_EQ(run({"commit", "--confirm", "-1"}).code, 2);
    EXPECT_EQ(run({"commit", "--confirm", "999999"}).code, 2);
    EXPECT_EQ(run({"rollback", "0"}).code, 2);
    EXPECT_EQ(run({"rollback", "99"}).code, 3);
    EXPECT_EQ(run({"diff", "--revision", "1", "2", "--startup"}).code, 2);
    EXPECT_EQ(run({"show", "--revision", "-1"}).code, 2);
    EXPECT_EQ(run({"history", "--count", "0"}).code, 2);
}

TEST_F(ConfigCommandTest, ShowsWhatRunsAfterACommitWasNotConfirmed) {
    run({"set", kHostname, "core-1"});
    run({"commit", "--confirm", "10"});
    EXPECT_EQ(run({"get", kHostname}).out, "core-1\n");
    EXPECT_NE(run({"history"}).out.find("running, on trial"), std::string::npos);
    config().end_trial();
    EXPECT_EQ(run({"get", kHostname}).out, "lab-router\n");
    const auto status = run({"status"}).out;
    EXPECT_NE(status.find("running         revision 2\n"), std::string::npos) << status;
    EXPECT_EQ(status.find("trial"), std::string::npos) << status;
    EXPECT_EQ(run({"commit"}).code, 3) << "there is nothing left to confirm";
}

TEST_F(ConfigCommandTest, TellsOfAsManyChangesAsAPersonReads) {
    for (int i = 0; i < 50; ++i) run({"set", fmt::format("/ietf-a:list[key='{:02}']", i), "x"});
    const auto outcome = run({"commit"});
    EXPECT_NE(outcome.out.find("key='19'"), std::string::npos) << outcome.out;
    EXPECT_EQ(outcome.out.find("key='20'"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("and 30 more: cutover config diff --revision 2 3"),
              std::string::npos)
        << outcome.out;
    const auto all = run({"diff", "--revision", "2", "3"});
    EXPECT_NE(all.out.find("key='49'"), std::string::npos) << "and this is what shows them";
}

TEST_F(ConfigCommandTest, CutsWhatACommitTellsToTheTerminal) {
    world_.terminal.width = 60;
    run({"set", kHostname, std::string(300, 'x')});
    for (const auto& line : wrapped(run({"commit"}).out, 10'000))
        EXPECT_LE(display_width(line), 60U) << line;
    for (const auto* what : {"status", "history"})
        for (const auto& line : wrapped(run({what}).out, 10'000))
            EXPECT_LE(display_width(line), 60U) << line;
}

TEST_F(ConfigCommandTest, PassesNothingOnThatATerminalActsOn) {
    const std::string bad = "a\x1b[31m\xC2\x9B\xE2\x80\xAE\rb";
    run({"set", kHostname, bad});
    for (const auto& args :
         std::vector<std::vector<std::string>>{{"get", kHostname, "--candidate"},
                                               {"show", "--candidate"},
                                               {"show", "--candidate", "--format", "xml"},
                                               {"show", "--candidate", "--format", "json"},
                                               {"diff"},
                                               {"commit", "--comment", bad},
                                               {"history"},
                                               {"diff", "--revision", "2", "3"}}) {
        const auto out = run(args).out;
        EXPECT_EQ(out.find_first_of("\x1b\r"), std::string::npos) << args.front() << out;
        EXPECT_EQ(out.find("\xC2\x9B"), std::string::npos) << args.front();
        EXPECT_EQ(out.find("\xE2\x80\xAE"), std::string::npos) << args.front();
    }
}

TEST(ConfigView, EscapesWithoutChangingWhatAReaderReads) {
    const std::string unsafe = "a\x1b\xC2\x9B\xE2\x80\xAEz\t\xC3\xA4";
    const auto json = document_text("{\n\"x\": \"" + unsafe + "\"}", ConfigFormat::json);
    EXPECT_EQ(json.find('\x1b'), std::string::npos);
    EXPECT_NE(json.find("\\u001B\\u009B\\u202Ez\t\xC3\xA4"), std::string::npos) << json;
    EXPECT_EQ(document_text("<x>\xC2\x9B</x>", ConfigFormat::xml), "<x>&#x9B;</x>\n");
    EXPECT_EQ(document_text("", ConfigFormat::json), "");
}

TEST(ConfigView, TellsOfTheFirstCommitOfADevice) {
    const CommitView first{.revision = {.id = 1}, .status = {.running = 1}};
    EXPECT_EQ(commit_text(first, WallTime(), Terminal()),
              "Committed revision 1.\n"
              "A boot begins with nothing of it.\n"
              "To keep this one: cutover config save\n");
    EXPECT_NE(config_status_text({}, WallTime(), Terminal()).find("nothing was committed yet"),
              std::string::npos);
    EXPECT_EQ(config_history_text({}, {}, Terminal()), "Nothing was committed yet.\n");
}

TEST(ConfigView, TellsHowLongATrialLasts) {
    const auto now = *from_iso8601("2026-11-21T10:00:00Z");
    ConfigStatus status{.running = 8, .startup = 7};
    status.trial = ConfigTrial{
        .revision = 8, .back_to = 7, .deadline = now + std::chrono::seconds(125), .by = "alice"};
    EXPECT_NE(config_status_text(status, now, Terminal()).find("to revision 7 in 2 min 5 s, at"),
              std::string::npos);
    EXPECT_NE(config_status_text(status, now + std::chrono::hours(1), Terminal()).find("in 0.0 s"),
              std::string::npos)
        << "the agent is about to do it";
}

TEST_F(ConfigCommandTest, AsksBeforeItDiscardsOnlyWherePeopleSit) {
    run({"set", kHostname, "core-1"});
    world_.sit_at_a_terminal();
    world_.answers = "n\n";
    EXPECT_EQ(run({"discard"}).code, 3);
    EXPECT_EQ(run({"get", kHostname, "--candidate"}).out, "core-1\n");
    EXPECT_EQ(run({"discard", "--yes"}).code, 0);
    EXPECT_EQ(run({"get", kHostname, "--candidate"}).out, "lab-router\n");
    world_.answers = "";
    EXPECT_EQ(run({"discard"}).err, "") << "nothing to lose, nothing to ask";
}

TEST_F(ConfigCommandTest, SaysWhatADeviceWithoutModulesLacks) {
    world_.device.forget_configuration();
    for (const std::string what : {"show", "diff", "commit", "status", "history", "save"}) {
        const auto outcome = run({what});
        EXPECT_EQ(outcome.code, 3) << what;
        EXPECT_NE(outcome.err.find("error[config.none]"), std::string::npos) << outcome.err;
        EXPECT_NE(outcome.err.find("remedy: Install a base or a package"), std::string::npos);
    }
    world_.unreachable = make_error(Errc::unavailable, "nobody");
    EXPECT_EQ(run({"status"}).code, 4);
}

TEST_F(ConfigCommandTest, PrintsOneDocumentWithJson) {
    const auto shown = nlohmann::json::parse(run({"show", "--json"}).out);
    EXPECT_EQ(shown["source"], "running");
    EXPECT_EQ(shown["format"], "json") << "what a program reads";
    EXPECT_EQ(shown["configuration"][kHostname], "lab-router");
    run({"set", kHostname, "core-1"});
    const auto diff = nlohmann::json::parse(run({"diff", "--json"}).out);
    ASSERT_EQ(diff["changes"].size(), 1U);
    EXPECT_EQ(diff["changes"][0]["change"], "changed");
    EXPECT_EQ(diff["changes"][0]["before"], "lab-router");
    EXPECT_EQ(diff["changes"][0]["after"], "core-1");
    const auto commit = nlohmann::json::parse(run({"commit", "--confirm", "5", "--json"}).out);
    EXPECT_EQ(commit["revision"], 3);
    EXPECT_EQ(commit["trial"]["back_to"], 2);
    EXPECT_EQ(commit["changes"].size(), 1U);
}

}  // namespace
}  // namespace cutover::cli
