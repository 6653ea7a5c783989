#include "cli/text.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/render_operation.h"
#include "cli/table.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover::cli {
namespace {

using Lines = std::vector<std::string>;

TEST(Text, KnowsHowWideItIs) {
    EXPECT_EQ(display_width("━━╸"), 3);
    EXPECT_EQ(display_width("漢字"), 4);
    EXPECT_EQ(display_width("e\xCC\x81"), 1) << "a combining accent";
    EXPECT_EQ(padded("ä", 3), "ä  ");
    EXPECT_EQ(fitted("漢字漢字", 5), "漢字…");
    EXPECT_EQ(fitted("short", 5), "short");
}

TEST(Text, WrapsBetweenWordsAndBreaksOnlyWhatIsTooLong) {
    EXPECT_EQ(wrapped("one two three", 8), (Lines{"one two", "three"}));
    EXPECT_EQ(wrapped("abcdefghij", 4), (Lines{"abcd", "efgh", "ij"}));
    EXPECT_EQ(wrapped("", 4), (Lines{""}));
    EXPECT_EQ(wrapped("a\nb", 4), (Lines{"a", "b"}));
    EXPECT_EQ(wrapped("漢字", 1), (Lines{"漢", "字"})) << "ends, even where nothing fits";
}

TEST(Text, ReplacesControlCharacters) {
    EXPECT_EQ(printable("a\x1b[31mb\tc\nd"), "a\xEF\xBF\xBD[31mb c d");
    EXPECT_EQ(printable("\xC2\x9B"
                        "31m"),
              "\xEF\xBF\xBD"
              "31m")
        << "the one-byte escape of C1";
}

TEST(Table, KeepsWordsWholeWhileThereIsRoom) {
    Table table({"time", "text"});
    table.add({"2026-11-21T10:02:11Z", "one two three four five"});
    EXPECT_EQ(table.text(34),
              "time                  text\n"
              "2026-11-21T10:02:11Z  one two\n"
              "                      three four\n"
              "                      five\n");
}

Progress at(std::uint64_t done) {
    return {.operation = 14,
            .stage = Stage::install,
            .step = "write slot A",
            .done_bytes = done,
            .total_bytes = 578'000'000,
            .bytes_per_second = 61'000'000};
}

TEST(ProgressLine, ShowsShareAmountRateAndTimeLeft) {
    const auto line = progress_line(at(393'040'000), {.width = 100});
    EXPECT_EQ(line,
              "  install      ━━━━━━━━━━━━━━━━━╸          68 %  393/578 MB  61 MB/s  0:00:04 left");
}

TEST(ProgressLine, LeavesOutWhatDoesNotFitButNeverWraps) {
    for (int width = 40; width <= 100; ++width) {
        const auto line = progress_line(at(393'040'000), {.width = width});
        EXPECT_LT(display_width(line), static_cast<std::size_t>(width));
        EXPECT_NE(line.find("68 %"), std::string::npos) << line;
    }
}

TEST(ProgressLine, SurvivesWhatADeviceShouldNotSend) {
    auto odd = at(9'000'000'000);
    EXPECT_NE(progress_line(odd, {}).find("100 %"), std::string::npos) << "more than all";
    odd.total_bytes = 0;
    EXPECT_NE(progress_line(odd, {}).find("write slot A"), std::string::npos) << "not known";
    odd = at(1);
    odd.bytes_per_second = 0;
    EXPECT_EQ(progress_line(odd, {}).find("left"), std::string::npos) << "no rate, no time";
    odd.total_bytes = UINT64_MAX;
    odd.bytes_per_second = 1;
    EXPECT_NE(progress_line(odd, {}).find("left"), std::string::npos);
}

TEST(StageLine, IsCutToTheTerminal) {
    const StageRecord record{.stage = Stage::prep,
                             .state = StageState::done,
                             .duration = std::chrono::milliseconds(600),
                             .detail = std::string(200, 'x')};
    EXPECT_EQ(display_width(stage_line(record, {.width = 80})), 80);
    EXPECT_TRUE(stage_line(record, {}).starts_with("  prep         done    0.6 s   xxx"));
}

}  // namespace
}  // namespace cutover::cli
