#include "crypto/password_hash.h"

#include <string>

#include <gtest/gtest.h>

namespace cutover {
namespace {

TEST(PasswordHash, KnowsItsPasswordAgainAndNoOther) {
    const auto made = PasswordHash::make("correct horse");
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->matches("correct horse"));
    EXPECT_FALSE(made->matches("correct horsf"));
    EXPECT_FALSE(made->matches(""));
}

TEST(PasswordHash, IsAnotherOneEachTime) {
    EXPECT_NE(PasswordHash::make("same")->text(), PasswordHash::make("same")->text());
}

TEST(PasswordHash, IsReadBackFromItsText) {
    const auto made = PasswordHash::make("correct horse");
    ASSERT_TRUE(made);
    const auto parsed = PasswordHash::parse(made->text());
    ASSERT_TRUE(parsed) << parsed.error().text();
    EXPECT_EQ(*parsed, *made);
    EXPECT_TRUE(parsed->matches("correct horse"));
}

// RFC 7914 has no vector for these costs; this one was made by Python's hashlib.scrypt.
TEST(PasswordHash, IsScryptAsOthersHaveIt) {
    const auto parsed = PasswordHash::parse(
        "scrypt$15$8$1$"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f$"
        "1f7e3f8177f2ebba25fc61bc2851630b64978195d094bf365e6b5cea7fd2505e");
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->matches("correct horse"));
}

TEST(PasswordHash, RefusesWhatIsNotOne) {
    const auto good = PasswordHash::make("correct horse")->text();
    for (const auto& text : {std::string(), good.substr(0, good.size() - 1), good + "0",
                             "scrypt$1$8$1$" + good.substr(14), "plain$" + good})
        EXPECT_FALSE(PasswordHash::parse(text)) << text;
}

TEST(PasswordHash, OfNobodyMatchesNothing) {
    EXPECT_FALSE(PasswordHash::of_nobody().matches("anything"));
    EXPECT_FALSE(PasswordHash::of_nobody().matches(""));
}

TEST(PasswordHash, HasABoundOnPasswords) {
    EXPECT_FALSE(PasswordHash::make(""));
    EXPECT_FALSE(PasswordHash::make(std::string(PasswordHash::kMaxPassword + 1, 'x')));
    // The first bytes of a longer one are not enough.
    const auto longest = PasswordHash::make(std::string(PasswordHash::kMaxPassword, 'x'));
    ASSERT_TRUE(longest);
    EXPECT_FALSE(longest->matches(std::string(PasswordHash::kMaxPassword + 1, 'x')));
}

TEST(ProcessKey, GivesEachTextItsCodeAndEachProcessItsOwn) {
    const auto key = ProcessKey::make();
    const auto other = ProcessKey::make();
    ASSERT_TRUE(key && other);
    EXPECT_TRUE(same_digest(key->code_of("alice"), key->code_of("alice")));
    EXPECT_FALSE(same_digest(key->code_of("alice"), key->code_of("alicf")));
    EXPECT_FALSE(same_digest(key->code_of("alice"), other->code_of("alice")));
}

}  // namespace
}  // namespace cutover
