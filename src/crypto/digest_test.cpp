#include "crypto/digest.h"

#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace cutover {
namespace {

constexpr auto* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, IsTheStandardsOwnExample) { EXPECT_EQ(to_hex(sha256("abc")), kOfAbc); }

TEST(Sha256, PiecesGiveTheSameAsTheWholeAndItCanBeUsedAgain) {
    Sha256 hash;
    for (int round = 0; round < 2; ++round) {
        for (const auto* piece : {"a", "", "bc"})
            hash.update(std::as_bytes(std::span(std::string_view(piece))));
        EXPECT_EQ(to_hex(hash.finish()), kOfAbc);
    }
}

TEST(Digest, IsReadBackFromItsOwnTextOnly) {
    EXPECT_EQ(digest_from_hex(kOfAbc).value(), sha256("abc"));
    std::string upper = kOfAbc;
    upper[0] = 'B';
    EXPECT_FALSE(digest_from_hex(upper));
    EXPECT_FALSE(digest_from_hex(std::string(kOfAbc) + "0"));
    EXPECT_FALSE(digest_from_hex(""));
}

}  // namespace
}  // namespace cutover
