// Help, man pages and completion: for every command there is.

#include "cli/help.h"

#include <CLI/App.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "cli/grammar.h"
#include "cli/test_world.h"

namespace cutover::cli {
namespace {

using Words = std::vector<std::string>;

void for_each_command(const CLI::App& command, const Words& words,
                      const std::function<void(const CLI::App&, const Words&)>& visit) {
    visit(command, words);
    for (const auto* sub : visible_commands(command)) {
        auto longer = words;
        longer.push_back(sub->get_name());
        for_each_command(*sub, longer, visit);
    }
}

class HelpTest : public testing::Test {
protected:
    HelpTest() : root_("purpose", "cutover") {
        add_show_commands(root_, actions_);
        add_change_commands(root_, actions_);
        add_package_commands(root_, actions_);
        add_config_commands(root_, actions_);
    }

    CLI::App root_;
    Actions actions_;
    TestWorld world_;
};

TEST_F(HelpTest, OfEveryCommandHasAPurposeOptionsAndExamples) {
    int commands = 0;
    for_each_command(root_, {}, [&](const CLI::App& command, Words words) {
        if (words.empty()) return;
        ++commands;
        words.emplace_back("--help");
        const auto help = world_.run(words);
        EXPECT_EQ(help.code, 0);
        EXPECT_TRUE(help.out.starts_with(command.get_description())) << help.out;
        EXPECT_TRUE(command.get_description().ends_with(".")) << command.get_name();
        EXPECT_LE(command.get_description().size(), 90);
        EXPECT_NE(help.out.find("\nOptions:\n"), std::string::npos) << help.out;
        EXPECT_NE(help.out.find("--json"), std::string::npos) << help.out;
        EXPECT_NE(help.out.find("\nExamples:\n  cutover "), std::string::npos) << help.out;
    });
    EXPECT_GT(commands, 18);
}

// An example that does not parse misleads.
TEST_F(HelpTest, GivesExamplesThatAreAccepted) {
    for_each_command(root_, {}, [&](const CLI::App& command, const Words& /*words*/) {
        std::istringstream lines(command.get_footer());
        for (std::string line; std::getline(lines, line);) {
            std::istringstream typed(line);
            Words words;
            for (std::string word; typed >> word;) words.push_back(word);
            ASSERT_EQ(words.front(), "cutover");
            words.erase(words.begin());
            world_.unreachable = make_error(Errc::unavailable, "nobody");
            EXPECT_NE(world_.run(words).code, 2) << line;
        }
    });
}

TEST_F(HelpTest, BecomesAManPageForEveryCommand) {
    ASSERT_EQ(world_.run({"generate", "man", "man1"}).code, 0);
    for_each_command(root_, {"cutover"}, [&](const CLI::App& command, const Words& words) {
        std::string name;
        for (const auto& word : words) name += (name.empty() ? "" : "-") + word;
        const auto page = read_file(world_.folder.path() / "man1" / (name + ".1"), 100'000);
        ASSERT_TRUE(page) << name;
        EXPECT_TRUE(page->starts_with(".TH \"")) << *page;
        EXPECT_NE(page->find(".SH SYNOPSIS"), std::string::npos);
        EXPECT_NE(page->find(".SH EXAMPLES"), std::string::npos);
        EXPECT_EQ(page->find("generate"), std::string::npos) << "it is hidden";
        for (const auto* option : visible_options(command))
            EXPECT_FALSE(option_names(*option).empty());
    });
}

class CompletionTest : public HelpTest {
protected:
    // What bash offers for the last of `words`.
    std::string completions(const std::string& words) {
        const auto script = world_.folder.path() / "cutover.bash";
        EXPECT_TRUE(write_file_durably(script, world_.run({"generate", "completion"}).out));
        const auto line = "source " + script.string() + "; COMP_WORDS=(" + words +
                          "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _cutover; echo ${COMPREPLY[@]}";
        const auto bash = run_process({.command = {"/bin/bash", "--norc", "-c", line},
                                       .folder = world_.folder.path(),
                                       .timeout = std::chrono::seconds(60)},
                                      {});
        EXPECT_TRUE(bash);
        return bash ? bash->output : "";
    }
};

TEST_F(CompletionTest, OffersCommandsOptionsValuesAndFiles) {
    world_.package("nos-1.2.0.cc");
    EXPECT_EQ(completions("cutover show ver"), "version\n");
    EXPECT_EQ(completions("cutover act"), "activate\n");
    EXPECT_EQ(completions("cutover show operation --fol"), "--follow\n");
    EXPECT_EQ(completions("cutover upgrade --mode ''"), "in-service next-startup\n");
    EXPECT_EQ(completions("cutover upgrade nos"), "nos-1.2.0.cc\n");
    EXPECT_EQ(completions("cutover commit nos"), "\n") << "it takes no file";
    EXPECT_EQ(completions("cutover show version --js"), "--json\n");
    EXPECT_EQ(completions("cutover gen"), "\n") << "hidden";
    EXPECT_EQ(completions("cutover config rol"), "rollback\n");
    EXPECT_EQ(completions("cutover config show --format ''"), "json xml tree\n");
    EXPECT_EQ(completions("cutover config load nos"), "nos-1.2.0.cc\n");
    EXPECT_EQ(completions("cutover config set nos"), "\n") << "it takes no file";
}

}  // namespace
}  // namespace cutover::cli
