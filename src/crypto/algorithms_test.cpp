#include "crypto/algorithms.h"

#include <gtest/gtest.h>

namespace cutover {
namespace {

TEST(Algorithms, WhatOpensslOffersIsKnownByItsNames) {
    for (const auto* const name :
         {"sha256", "SHA2-256", "aes-256-cfb", "AES-256-GCM", "HMAC", "PBKDF2", "ed25519", "RSA"})
        EXPECT_TRUE(offers_algorithm(name)) << name;
}

TEST(Algorithms, WhatItDoesNotIsNot) {
    for (const auto* const name : {"", "sha257", "aes-257-cfb", "rot13"})
        EXPECT_FALSE(offers_algorithm(name)) << name;
}

}  // namespace
}  // namespace cutover
