#include "backends/systemd_boot/boot_entry.h"

#include <cstddef>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "model/slot.h"

namespace cutover {
namespace {

const EntrySettings kSettings{.roots = {"PARTUUID=1", "PARTUUID=2"},
                              .arguments = "console=ttyS0 quiet",
                              .has_initrd = {false, true}};

TEST(BootEntry, IsTextOfOneSectorThatEndsInTheKernel) {
    const auto text = format_entry({.slot = Slot::b, .trial = true, .version = 43}, kSettings);
    ASSERT_TRUE(text);
    EXPECT_EQ(text->size(), 512U);
    EXPECT_EQ(text->substr(0, text->find("##")),
              "title cutover slot B, trial\nsort-key cutover-1\nversion 43\n"
              "options root=PARTUUID=2 ro cutover.slot=b cutover.trial=1 panic=5 console=ttyS0 "
              "quiet\ninitrd /cutover/b/initrd.img\nlinux /cutover/b/vmlinuz\n");
    EXPECT_EQ(parse_entry(*text), (BootEntry{.slot = Slot::b, .trial = true, .version = 43}));
}

TEST(BootEntry, AShorterOrForeignTextIsNoEntryOfOurs) {
    const auto text = *format_entry({.slot = Slot::a, .version = 7}, kSettings);
    EXPECT_TRUE(parse_entry(text));
    for (std::size_t length = 0; length < text.find("##") - 1; ++length) {
        auto cut = text.substr(0, length);
        cut.resize(512, '\0');
        EXPECT_EQ(parse_entry(cut), std::nullopt) << length;
    }
    EXPECT_EQ(parse_entry(empty_entry()), std::nullopt);
    EXPECT_EQ(parse_entry("linux /memtest\n"), std::nullopt);
}

TEST(BootEntry, NamesOfTrialsCarryTheirCounters) {
    EXPECT_EQ(format_trial_name({.slot = Slot::b, .left = 3}), "cutover-trial-b+3.conf");
    EXPECT_EQ(parse_trial_name("cutover-trial-b+3.conf"), (TrialName{.slot = Slot::b, .left = 3}));
    EXPECT_EQ(parse_trial_name("cutover-trial-a+0-12.conf"),
              (TrialName{.slot = Slot::a, .left = 0, .done = 12}));
    EXPECT_EQ(format_trial_name({.slot = Slot::a, .left = 0, .done = 12}),
              "cutover-trial-a+0-12.conf");
    for (const auto* const name :
         {"cutover-trial-b.conf", "cutover-trial-c+1.conf", "cutover-trial-b+.conf",
          "cutover-trial-b+1-.conf", "cutover-trial-b+999.conf", "cutover-trial-b+1",
          "cutover-0.conf", "cutover-trial-b+-1.conf", ".conf", "cutover-trial-.conf"})
        EXPECT_EQ(parse_trial_name(name), std::nullopt) << name;
}

}  // namespace
}  // namespace cutover
