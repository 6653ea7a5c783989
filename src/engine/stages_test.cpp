// Scripts of the stages, hooks of packages, and the status file.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "crypto/digest.h"
#include "engine/simulated_device.h"
#include "engine/stage_scripts.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

void add_hook(SimulatedPackage& package, const std::string& stage, const std::string& body) {
    const auto name = "hooks/" + stage + ".sh";
    const auto content = "#!/bin/sh\n" + body;
    package.hooks[name] = content;
    package.manifest.hooks[stage] = name;
    package.manifest.members.insert(
        package.manifest.members.begin() + 1,
        {.name = name, .size_bytes = content.size(), .sha256 = to_hex(sha256(content))});
}

// The nine stages as the status file tells them.
std::string stages_at(std::string_view time) {
    std::string text;
    for (const auto stage : kStages)
        for (const auto* const what : {"start", "ended"})
            text += fmt::format("{} {}:{}\n", time, to_string(stage), what);
    return text;
}

TEST(StatusFile, OfAnUpgradeIsAsItAlwaysWas) {
    SimulatedDevice device;
    ASSERT_EQ(device.operate(install_of("1.1.0")).state, OperationState::done);
    EXPECT_EQ(device.text_of("status"),
              stages_at("2014-06-13 13:12:26") +
                  "2014-06-13 13:12:26 install:ended   (install ended successfully)\n");
}

TEST(StatusFile, GoesOnAfterTheReboot) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    const auto text = device.text_of("status");
    EXPECT_THAT(text, testing::EndsWith(
                          "2014-06-13 13:12:26 postexecute:start\n"
                          "2014-06-13 13:12:35 postexecute:ended\n"
                          "2014-06-13 13:12:35 upgrade:ended   (upgrade ended successfully)\n"));
}

TEST(StatusFile, OfAPreviewHasAllStagesAndThenHowItEnded) {
    SimulatedDevice device;
    ASSERT_TRUE(device.engine().preview(upgrade_to("1.1.0")));
    const auto good = stages_at("2014-06-13 13:12:26") +
                      "2014-06-13 13:12:26 preview:ended   (preview ended successfully)\n";
    EXPECT_EQ(device.text_of("status"), good);
    device.slots.available_bytes = 0;
    ASSERT_TRUE(device.engine().preview(upgrade_to("1.1.0")));
    EXPECT_THAT(device.text_of("status").substr(good.size()),
                HasSubstr("preview:ended   (preview failed: needs 8.4 MB on /slots"));
}

TEST(StatusFile, ThatIsFullGivesWayToANewOne) {
    SimulatedDevice device;
    const std::string full(std::size_t{2} * 1024 * 1024, '\n');
    ASSERT_TRUE(write_file_durably(device.folder() / "status", full));
    ASSERT_EQ(device.operate(install_of("1.1.0")).state, OperationState::done);
    EXPECT_THAT(device.text_of("status"), testing::StartsWith("2014-06-13 13:12:26 init:start\n"));
    EXPECT_EQ(std::filesystem::file_size(device.folder() / "status.1"), full.size());
}

TEST(StatusFile, HoldsNoLineThatAScriptMadeUp) {
    SimulatedDevice device({.script_timeout = 100ms});
    device.add_script("stages/prep/10-slow",
                      "echo; echo 2014-06-13 upgrade:ended; exec sleep 10\n");
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.error->id, "stage.script_failed");
    EXPECT_THAT(device.text_of("status"), testing::Not(HasSubstr("\n2014-06-13 upgrade:ended")));
}

TEST(Scripts, RunInTheOrderOfTheirStagesAndPrefixes) {
    SimulatedDevice device({.ini_files = {"upgrade.ini"}});
    for (const auto* const file : {"stages/prep/90-b", "stages/prep/05-a", "stages/init/10-i",
                                   "stages/configure/50-c", "stages/postexecute/95-p"})
        device.add_script(file, "echo $CUTOVER_STAGE $0 | sed 's,/.*/,,' >> order\n");
    ASSERT_TRUE(write_file_durably(device.folder() / "upgrade.ini",
                                   "[prep]\ncommand[0] = /bin/sh -c \"echo ini >> order\"\n"));
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
    EXPECT_EQ(device.text_of("order"),
              "init 10-i\nprep 05-a\nini\nprep 90-b\nconfigure 50-c\npostexecute 95-p\n");
    const auto status = device.text_of("status");
    EXPECT_EQ(status.find("init:start", 30), std::string::npos) << "each stage is entered once";
}

TEST(Scripts, AreToldWhatIsDone) {
    SimulatedDevice device;
    device.add_script("stages/install/10-tell", "env | grep CUTOVER | sort > told\n");
    (void)device.operate(upgrade_to("1.1.0"));
    const auto folder = device.folder().string();
    EXPECT_EQ(device.text_of("told"),
              fmt::format("CUTOVER_DATA={0}/data\nCUTOVER_DEVICE={0}\nCUTOVER_FROM=1.0.0\n"
                          "CUTOVER_KIND=upgrade\nCUTOVER_MODE=upgrade\nCUTOVER_OPERATION=1\n"
                          "CUTOVER_ROOT={0}/root\nCUTOVER_SLOT=B\nCUTOVER_STAGE=install\n"
                          "CUTOVER_TO=1.1.0\n",
                          folder));
}

TEST(Scripts, ThatFailUndoTheOperation) {
    SimulatedDevice device;
    device.add_script("stages/postinstall/10-bad", "echo the disk is on fire; exit 3\n");
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::failed);
    EXPECT_EQ(operation.error->id, "stage.script_failed");
    EXPECT_THAT(operation.error->message, HasSubstr("postinstall/10-bad ended with exit code 3"));
    EXPECT_EQ(operation.error->cause, "the disk is on fire\n");
    EXPECT_EQ(operation.stages.at(5).state, StageState::failed);
    EXPECT_EQ(operation.stages.at(4).state, StageState::undone);
    EXPECT_EQ(operation.stages.at(6).state, StageState::pending);
    EXPECT_EQ(device.slot(Slot::b).state, SlotState::empty);
    EXPECT_EQ(device.marks(), (Marks{.running = 1, .startup = 1, .committed = 1}));
    EXPECT_THAT(device.text_of("log/operation-1.log"), HasSubstr("the disk is on fire"));
}

TEST(Scripts, ThatTalkMuchMakeAShortAlarm) {
    SimulatedDevice device;
    device.add_script("stages/postinstall/10-bad",
                      "i=0; while [ $i -lt 90 ]; do echo line $i; i=$((i+1)); done; exit 3\n");
    (void)device.operate(upgrade_to("1.1.0"));
    const auto alarms = device.store().alarms();
    ASSERT_EQ(alarms->size(), 1U);
    const auto& text = alarms->front().text;
    EXPECT_LE(text.size(), 300U);
    EXPECT_THAT(text, HasSubstr("ended with exit code 3: line 0 line 1 line 2"));
    EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Scripts, ThatFailAfterTheCommitAreAWarning) {
    SimulatedDevice device;
    device.add_script("stages/postexecute/90-bad", "exit 3\n");
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::done);
    ASSERT_EQ(operation.warnings.size(), 1U);
    EXPECT_THAT(operation.warnings.front(), HasSubstr("exit code 3"));
    EXPECT_EQ(device.running(), "1.1.0");
}

TEST(Scripts, ThatTakeTooLongAreEnded) {
    SimulatedDevice device({.script_timeout = 50ms});
    device.add_script("stages/prep/10-slow", "exec sleep 30\n");
    EXPECT_THAT(device.operate(upgrade_to("1.1.0")).error->text(), HasSubstr("did not end within"));
}

TEST(Scripts, AreNotRunByAPreviewButListedInIt) {
    SimulatedDevice device;
    device.add_script("stages/prep/10-look", "> ran\n");
    add_hook(device.package("1.1.0"), "prep", "> ran\n");
    const auto preview = device.engine().preview(upgrade_to("1.1.0")).value();
    EXPECT_FALSE(std::filesystem::exists(device.folder() / "ran"));
    const auto found = std::ranges::find(preview.steps, "prep/10-look", &PlannedStep::name);
    ASSERT_NE(found, preview.steps.end());
    EXPECT_EQ(found->stage, Stage::prep);
    EXPECT_EQ(preview.interrupts, "one reboot");
    EXPECT_FALSE(device.slots.held.contains(Slot::b));
}

TEST(Scripts, DoNotRunAgainInTheTrialOfAStartupTheySet) {
    SimulatedDevice device;
    device.add_script("stages/configure/10-once", "echo once >> ran\n");
    auto request = upgrade_to("1.1.0");
    request.mode = Mode::next_startup;
    (void)device.operate(request);
    device.power_cycle();
    EXPECT_EQ(device.last_operation().state, OperationState::done);
    EXPECT_EQ(device.text_of("ran"), "once\n");
}

TEST(Hooks, RunInEveryStageAlsoInTheFirstAndAfterTheReboot) {
    SimulatedDevice device;
    auto& package = device.package("1.1.0");
    for (const auto* const stage : {"postexecute", "install", "init"})
        add_hook(package, stage, "echo $CUTOVER_STAGE >> ran\n");
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::done) << operation.error->text();
    EXPECT_EQ(device.text_of("ran"), "init\ninstall\npostexecute\n");
    EXPECT_FALSE(std::filesystem::exists(device.folder() / "tmp/operation-1"));
}

TEST(Preview, TellsHowLongTheLastRebootsTook) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(device.engine().preview(upgrade_to("1.2.0"))->interrupts,
              "about 9.0 s (1 reboot before)");
}

TEST(FindStageScripts, TakesExecutableFilesWithAPrefixAndNothingElse) {
    SimulatedDevice device;
    device.add_script("stages/prep/20-b", "");
    device.add_script("stages/prep/10-a", "");
    device.add_script("stages/prep/readme", "");
    device.add_script("stages/prep/7-short", "");
    device.add_script("stages/nowhere/10-a", "");
    ASSERT_TRUE(write_file_durably(device.folder() / "stages/prep/30-not-executable", "", 0600));
    ASSERT_TRUE(make_folders(device.folder() / "stages/prep/40-folder"));
    const auto scripts = find_stage_scripts(device.folder() / "stages", {}).value();
    ASSERT_EQ(scripts.size(), 2U);
    EXPECT_EQ(scripts.at(0).name, "prep/10-a");
    EXPECT_EQ(scripts.at(0).order, 10);
    EXPECT_EQ(scripts.at(1).name, "prep/20-b");
}

TEST(FindStageScripts, WithoutAFolderFindsNoneButMissesANamedIniFile) {
    EXPECT_THAT(find_stage_scripts("/no/such/folder", {}).value(), IsEmpty());
    const auto missing = find_stage_scripts("/no/such/folder", {"/no/such.ini"});
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().text(), HasSubstr("/no/such.ini"));
}

TEST(FindStageScripts, AnIniFileThatIsWrongRefusesTheOperationAndNamesItsLine) {
    SimulatedDevice device({.ini_files = {"upgrade.ini"}});
    ASSERT_TRUE(write_file_durably(device.folder() / "upgrade.ini", "[prep]\nnonsense\n"));
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::refused);
    EXPECT_EQ(operation.error->id, "stage.ini_invalid");
    EXPECT_THAT(operation.error->text(), HasSubstr("upgrade.ini: line 2"));
}

}  // namespace
}  // namespace cutover
