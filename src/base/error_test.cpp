#include "base/error.h"

#include <cerrno>
#include <expected>
#include <memory>

#include <gtest/gtest.h>

#include "base/errors.h"

namespace cutover {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
    if (!good) return fail(Errc::invalid, "no {}", "number");
    return std::make_unique<int>(7);
}

Result<> check(bool good) {
    if (!good) return std::unexpected(errno_error(ENOSPC, "write /boot"));
    return {};
}

Result<int> sum(bool first, bool second) {
    TRY(check(first));
    const auto a = TRY(make(first));
    const auto b = TRY(make(second), "second of {}", 2);
    return *a + *TRY(make(true)) + *b;
}

TEST(Try, GivesTheValueOfASuccess) { EXPECT_EQ(sum(true, true).value(), 21); }

TEST(Try, ReturnsTheErrorUnchanged) {
    const auto result = sum(false, true);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, Errc::no_space);
    EXPECT_EQ(result.error().message, "write /boot: No space left on device");
}

TEST(Try, PutsContextInFrontAndKeepsTheCause) {
    const auto result = sum(true, false);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, Errc::invalid);
    EXPECT_EQ(result.error().message, "second of 2");
    EXPECT_EQ(result.error().cause, "no number");
}

TEST(Error, KeepsItsIdAndRemedyThroughContext) {
    const auto error =
        make_error(errors::general_no_space, "disk full").within("write slot B").within("install");
    EXPECT_EQ(error.id, "general.no_space");
    EXPECT_EQ(error.text(), "install: write slot B: disk full");
    EXPECT_FALSE(error.remedy.empty());
}

TEST(Error, ACauseThatIsKnownTakesThePlaceOfTheGeneralOne) {
    auto error = make_error(errors::general_no_space, "disk full");
    EXPECT_EQ(error.cause, errors::general_no_space.meaning);
    EXPECT_EQ(error.text(), "disk full");
    error.set_cause("");
    EXPECT_EQ(error.cause, errors::general_no_space.meaning) << "an empty one says nothing new";
    error.set_cause("/data: 3 MB missing");
    EXPECT_EQ(error.text(), "disk full: /data: 3 MB missing");
}

TEST(Errc, NamesReadBackAsTheSameKind) {
    for (const auto kind : {Errc::invalid, Errc::refused, Errc::untrusted, Errc::unavailable})
        EXPECT_EQ(errc_from(to_string(kind)), kind);
    EXPECT_EQ(errc_from("from a newer version"), Errc::io);
}

}  // namespace
}  // namespace cutover
