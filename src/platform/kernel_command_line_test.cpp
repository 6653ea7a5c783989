#include "platform/kernel_command_line.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/slot.h"
#include "platform/boot_control.h"

namespace cutover {
namespace {

std::string error_of(std::string_view text) {
    const auto parsed = parse_kernel_command_line(text);
    EXPECT_FALSE(parsed) << text;
    return parsed ? "" : parsed.error().id;
}

TEST(KernelCommandLine, TellsTheSlotAndWhyItWasStarted) {
    const auto normal = parse_kernel_command_line("root=PARTUUID=1 ro cutover.slot=a panic=5\n");
    ASSERT_TRUE(normal);
    EXPECT_EQ(*normal, (BootedAs{.slot = Slot::a, .reason = BootReason::normal}));
    const auto trial = parse_kernel_command_line("cutover.trial=1 cutover.slot=b");
    ASSERT_TRUE(trial);
    EXPECT_EQ(*trial, (BootedAs{.slot = Slot::b, .reason = BootReason::trial}));
    EXPECT_EQ(parse_kernel_command_line("cutover.slot=a cutover.fallback=1")->reason,
              BootReason::fallback);
    EXPECT_EQ(parse_kernel_command_line("cutover.slot=a cutover.rescue=1")->reason,
              BootReason::rescue);
    EXPECT_EQ(parse_kernel_command_line("cutover.slot=a cutover.trial=0")->reason,
              BootReason::normal);
}

TEST(KernelCommandLine, WithoutASlotThereIsNoAnswer) {
    EXPECT_EQ(error_of(""), "boot.slot_not_told");
    EXPECT_EQ(error_of("quiet cutover.trial=1"), "boot.slot_not_told");
    EXPECT_EQ(error_of("cutover.slot"), "boot.slot_not_told");
    EXPECT_EQ(error_of("xcutover.slot=a"), "boot.slot_not_told");
    EXPECT_EQ(error_of("cutover.slots=a"), "boot.slot_not_told");
}

TEST(KernelCommandLine, ADoubtfulLineIsRefused) {
    EXPECT_EQ(error_of("cutover.slot=c"), "boot.slot_not_told");
    EXPECT_EQ(error_of("cutover.slot="), "boot.slot_not_told");
    EXPECT_EQ(error_of("cutover.slot=ab"), "boot.slot_not_told");
    EXPECT_EQ(error_of("cutover.slot=a cutover.slot=b"), "boot.slot_not_told");
    EXPECT_EQ(error_of("cutover.slot=a cutover.trial=yes"), "boot.slot_not_told");
    EXPECT_TRUE(parse_kernel_command_line("cutover.slot=a cutover.slot=a"));
}

TEST(KernelCommandLine, QuotesAndWhatIsForInitAreNotOurs) {
    EXPECT_EQ(error_of("dyndbg=\"file x cutover.slot=a\""), "boot.slot_not_told");
    EXPECT_EQ(error_of("quiet -- cutover.slot=a"), "boot.slot_not_told");
    EXPECT_TRUE(parse_kernel_command_line("x=\"a b\" cutover.slot=b"));
    EXPECT_TRUE(parse_kernel_command_line("cutover.slot=b x=\"never closed"));
}

TEST(KernelCommandLine, AFileThatIsNotThereIsAnError) {
    EXPECT_FALSE(read_kernel_command_line("/nonexistent/cmdline"));
}

}  // namespace
}  // namespace cutover
