#include "backends/machine/boot_notes.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct BootNotesTest : testing::Test {
    void note(const BootNote& note) const {
        const auto noted = note_boot(file, note);
        ASSERT_TRUE(noted) << noted.error().text();
    }
    std::vector<std::string> failures(const BootStatus& boot) const {
        return earlier_failures(boot, read_boot_notes(file), "now");
    }

    TempFolder folder = TempFolder::create(testing::TempDir(), "notes").value();
    std::filesystem::path file = folder.path() / "run" / "boots";
};

constexpr BootStatus kSecondTry{.running = Slot::b,
                                .reason = BootReason::trial,
                                .committed = Slot::a,
                                .trial = Slot::b,
                                .tries_left = 1,
                                .tries = 3};
constexpr BootStatus kFallback{
    .running = Slot::a, .reason = BootReason::fallback, .committed = Slot::a};

TEST_F(BootNotesTest, AreReadAsTheyWereWritten) {
    const BootNote first{.boot_id = "one", .slot = Slot::a};
    const BootNote second{.boot_id = "two",
                          .slot = Slot::b,
                          .reason = BootReason::trial,
                          .failure = "lay the files: no room"};
    note(first);
    note(second);
    EXPECT_THAT(read_boot_notes(file), ElementsAre(first, second));
}

TEST_F(BootNotesTest, OneBootHasOneNoteTheNewest) {
    note({.boot_id = "one", .failure = "early"});
    note({.boot_id = "one"});
    note({.boot_id = "one"});
    EXPECT_THAT(read_boot_notes(file), ElementsAre(BootNote{.boot_id = "one"}));
}

TEST_F(BootNotesTest, OnlyTheLastOnesAreKept) {
    for (int i = 0; i < 60; ++i) note({.boot_id = std::to_string(i)});
    const auto notes = read_boot_notes(file);
    EXPECT_EQ(notes.size(), 50U);
    EXPECT_EQ(notes.back().boot_id, "59");
}

TEST_F(BootNotesTest, AFailureIsOneLineAndShort) {
    note({.boot_id = "one", .failure = "a\nb" + std::string(10'000, 'x')});
    const auto notes = read_boot_notes(file);
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_TRUE(notes[0].failure.starts_with("a bxxx"));
    EXPECT_LT(notes[0].failure.size(), 600U);
}

TEST_F(BootNotesTest, WhatIsNoNoteIsSkipped) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << "\nrubbish\none C trial\none A maybe\ntwo B trial\n";
    EXPECT_THAT(
        read_boot_notes(file),
        ElementsAre(BootNote{.boot_id = "two", .slot = Slot::b, .reason = BootReason::trial}));
}

TEST_F(BootNotesTest, ANormalBootHasNoFailuresBeforeIt) {
    note({.boot_id = "one", .slot = Slot::b, .reason = BootReason::trial, .failure = "old"});
    EXPECT_THAT(failures({}), IsEmpty());
}

TEST_F(BootNotesTest, ABootOfWhichNothingIsKnownDidNotBringTheAgentUp) {
    note({.boot_id = "one"});
    note({.boot_id = "now", .slot = Slot::b, .reason = BootReason::trial});
    EXPECT_THAT(failures(kSecondTry), ElementsAre(HasSubstr("slot B (trial boot): the agent did")));
    EXPECT_THAT(failures(kFallback), ElementsAre(HasSubstr("slot B (trial boot): the agent did")));
}

TEST_F(BootNotesTest, WhatATrialBootLeftBehindIsTold) {
    note({.boot_id = "one"});
    note({.boot_id = "two", .slot = Slot::b, .reason = BootReason::trial, .failure = "no room"});
    note({.boot_id = "three", .slot = Slot::b, .reason = BootReason::trial});
    note({.boot_id = "now", .slot = Slot::a, .reason = BootReason::fallback});
    EXPECT_THAT(failures(kFallback),
                ElementsAre("slot B (trial boot): no room", HasSubstr("the agent came up")));
}

TEST_F(BootNotesTest, NotesOfAnEarlierTrialAreNotThisOnes) {
    note({.boot_id = "x", .slot = Slot::b, .reason = BootReason::trial, .failure = "long ago"});
    note({.boot_id = "y", .slot = Slot::b, .reason = BootReason::trial, .failure = "just now"});
    EXPECT_THAT(failures(kSecondTry), ElementsAre(HasSubstr("just now")));
}

}  // namespace
}  // namespace cutover
