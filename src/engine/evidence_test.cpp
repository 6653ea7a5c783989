#include "engine/evidence.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "engine/simulated_device.h"
#include "model/operation.h"

namespace cutover {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(LineDifference, HasTheLinesThatOnlyOneTextHasInOrder) {
    EXPECT_EQ(line_difference("a\nb\nc\n", "a\nx\nc\nd\n"), "- b\n+ x\n+ d\n");
    EXPECT_EQ(line_difference("", "new\n"), "+ new\n");
    EXPECT_EQ(line_difference("old", ""), "- old\n");
    EXPECT_EQ(line_difference("same\n", "same\n"), "");
}

TEST(LineDifference, KeepsWhatMovedAsFewLinesAsItCan) {
    EXPECT_EQ(line_difference("1\n2\n3\n4\n", "2\n3\n4\n1\n"), "- 1\n+ 1\n");
}

TEST(LineDifference, OfLongTextsOnlyTellsTheirLengths) {
    std::string text;
    for (int i = 0; i < 1001; ++i) text += "line\n";
    EXPECT_EQ(line_difference(text, "line\n"), "- 1001 lines\n+ 1 lines\n");
}

TEST(Evidence, IsComparedFromBeforeTheUpgradeToTheTrialOfTheNewBase) {
    SimulatedDevice device({.evidence_files = {"notes"},
                            .evidence_commands = {{"/bin/sh", "-c", "ls marker 2>&1 || true"}}});
    ASSERT_TRUE(write_file_durably(device.folder() / "notes", "one\ntwo\n"));
    device.add_script("stages/configure/10-notes", "printf 'one\\nthree\\n' > notes; > marker\n");
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
    const auto report = device.text_of("evidence/1/difference.txt");
    EXPECT_THAT(report, HasSubstr("file notes\n- two\n+ three\n"));
    EXPECT_THAT(report, HasSubstr("+ marker"));
    EXPECT_THAT(report, HasSubstr("running\n- generation 1: nos 1.0.0, slot A\n"
                                  "+ generation 2: nos 1.1.0, slot B\n"));
    EXPECT_THAT(report, Not(HasSubstr("health"))) << "nothing changed in it";
    EXPECT_THAT(device.text_of("evidence/1/difference.json"), HasSubstr(R"("name": "file notes")"));
    const auto log = device.text_of("log/operation-1.log");
    EXPECT_THAT(log, HasSubstr(" file notes\n")) << "who reads the log need not look elsewhere";
    EXPECT_THAT(log, HasSubstr(" + three\n"));
}

TEST(Evidence, ThatCannotBeHadIsRecordedAsSuch) {
    SimulatedDevice device(
        {.evidence_files = {"missing"}, .evidence_commands = {{"/no/such/program"}}});
    EXPECT_EQ(device.operate(install_of("1.1.0")).state, OperationState::done);
    const auto before = device.text_of("evidence/1/before.json");
    EXPECT_THAT(before, HasSubstr("No such file"));
    EXPECT_THAT(before, HasSubstr("run /no/such/program"));
}

TEST(Evidence, WithoutABeforeIsNoError) {
    SimulatedDevice device;
    const auto ports = device.ports();
    EXPECT_EQ(Evidence(ports, 7).capture("after", {}).value().entries, 0);
    EXPECT_THAT(device.text_of("evidence/7/after.json"), HasSubstr("nos 1.0.0"));
}

TEST(Evidence, ThatWasTamperedWithIsNamedAndNotRead) {
    SimulatedDevice device;
    const auto ports = device.ports();
    Evidence evidence(ports, 7);
    ASSERT_TRUE(evidence.capture("before", {}));
    ASSERT_TRUE(write_file_durably(evidence.folder() / "before.json", "{\"entries\": 3"));
    const auto compared = evidence.capture("after", {});
    ASSERT_FALSE(compared);
    EXPECT_EQ(compared.error().kind, Errc::corrupt);
}

}  // namespace
}  // namespace cutover
