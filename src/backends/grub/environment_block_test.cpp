#include "backends/grub/environment_block.h"

#include <cstddef>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "backends/boot_record/loader_record.h"
#include "model/slot.h"

namespace cutover {
namespace {

const EnvironmentBlock kFormat;
const LoaderRecord kRecord{
    .serial = 42, .committed = Slot::a, .trial = Slot::b, .tries_left = 1, .tries = 2};

TEST(EnvironmentBlock, IsTextThatGrubAndAPersonCanRead) {
    const auto block = kFormat.encode(kRecord);
    ASSERT_EQ(block.size(), 1024U);
    EXPECT_EQ(block.substr(0, block.find("##")),
              "# GRUB Environment Block\n"
              "cutover_seq=42\ncutover_committed=a\ncutover_trial=b\ncutover_left=1\n"
              "cutover_tries=2\ncutover_check=42.a.b.1.2\n");
    EXPECT_EQ(block.find_first_not_of('#', block.find("##")), std::string::npos);
    EXPECT_EQ(kFormat.decode(block), kRecord);
}

TEST(EnvironmentBlock, FitsIntoOneSectorWithTheLongestValues) {
    const auto block = kFormat.encode({.serial = 999'999'999, .trial = std::nullopt});
    EXPECT_LT(block.find_last_not_of('#'), 512U);
}

TEST(EnvironmentBlock, AnyChangedByteOfItsTextIsNoticed) {
    const auto good = kFormat.encode(kRecord);
    const auto text = good.find("##");
    for (std::size_t at = 0; at < text; ++at) {
        for (const char value : {'\0', '#', 'a', 'b', '1', '\n', '\\', '=', '\xff'}) {
            auto block = good;
            if (block[at] == value) continue;
            block[at] = value;
            EXPECT_EQ(kFormat.decode(block), std::nullopt) << at << " " << value;
        }
    }
}

TEST(EnvironmentBlock, AShortOrForeignBlockIsNoRecord) {
    EXPECT_EQ(kFormat.decode(""), std::nullopt);
    EXPECT_EQ(kFormat.decode(std::string(1024, '\0')), std::nullopt);
    EXPECT_EQ(kFormat.decode(kFormat.encode(kRecord).substr(0, 1023)), std::nullopt);
    auto empty = std::string("# GRUB Environment Block\n");
    empty.resize(1024, '#');
    EXPECT_EQ(kFormat.decode(empty), std::nullopt);
}

TEST(EnvironmentBlock, SaveEnvKeepsTheFormOfTheRecord) {
    auto ten = kRecord;
    ten.tries_left = 0;
    auto block = with_variable(kFormat.encode(kRecord), "cutover_left", "0").value_or("");
    EXPECT_EQ(kFormat.decode(block), std::nullopt) << "until the check line agrees";
    block = with_variable(block, "cutover_check", "42.a.b.0.2").value_or("");
    EXPECT_EQ(block, kFormat.encode(ten));
}

TEST(EnvironmentBlock, SaveEnvMovesWhatFollowsALongerOrShorterValue) {
    const auto block = kFormat.encode(kRecord);
    const auto longer = with_variable(block, "cutover_trial", "none").value_or("");
    EXPECT_EQ(longer.size(), 1024U);
    EXPECT_EQ(with_variable(longer, "cutover_trial", "b"), block);
    EXPECT_EQ(with_variable(block, "cutover_trial", std::string(1000, 'x')), std::nullopt);
    EXPECT_EQ(with_variable(std::string(1024, '\0'), "cutover_left", "0"), std::nullopt);
}

}  // namespace
}  // namespace cutover
