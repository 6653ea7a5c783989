#include "engine/ini.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cutover {
namespace {

using testing::ElementsAre;

TEST(Ini, ReadsTheEntriesOfTheStagedWorkflow) {
    const auto commands = parse_ini(
        "; comment\n"
        "[install]\n"
        "  command[0] = /usr/sbin/update   ; a comment behind\n"
        "  options[0] = \"\"\n"
        "  source[0]  = \"-s depot:/var/depots/x\"\n"
        "  bundle[0]  = QPKBASE\n"
        "  version[0] = B.11\n"
        "[postexecute]\n"
        "command[1] = /bin/health \"two words\"\n");
    ASSERT_TRUE(commands);
    ASSERT_EQ(commands->size(), 2U);
    EXPECT_EQ(commands->at(0).stage, Stage::install);
    EXPECT_THAT(commands->at(0).command,
                ElementsAre("/usr/sbin/update", "-s", "depot:/var/depots/x", "QPKBASE,r=B.11"));
    EXPECT_THAT(commands->at(1).command, ElementsAre("/bin/health", "two words"));
}

TEST(Ini, EvaluatesNothing) {
    const auto commands = parse_ini("[prep]\ncommand[0] = /bin/echo $(reboot) `id` $HOME\n");
    ASSERT_TRUE(commands);
    EXPECT_THAT(commands->front().command, ElementsAre("/bin/echo", "$(reboot)", "`id`", "$HOME"));
}

TEST(Ini, NamesTheLineThatIsWrong) {
    for (const auto& [text, line] : std::vector<std::pair<std::string, std::string>>{
             {"[nowhere]\n", "line 1"},
             {"[prep]\nnonsense\n", "line 2"},
             {"[prep]\ncommand[x] = a\n", "line 2"},
             {"command[0] = a\n", "line 1"},
             {"[prep]\ncommand[0] = a\ncommand[0] = b\n", "line 3"},
             {"[prep]\ncommand[1000] = a\n", "line 2"}}) {
        const auto commands = parse_ini(text);
        ASSERT_FALSE(commands) << text;
        EXPECT_EQ(commands.error().id, "stage.ini_invalid");
        EXPECT_THAT(commands.error().message, testing::HasSubstr(line));
    }
    EXPECT_FALSE(parse_ini("[prep]\noptions[0] = -v\n")) << "an entry needs a command";
    EXPECT_FALSE(parse_ini(std::string(70'000, ' ')));
}

}  // namespace
}  // namespace cutover
