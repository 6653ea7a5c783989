#include "doors/gnoi/hashing.h"

#include <string>

#include <gtest/gtest.h>

#include "gnoi/types/types.pb.h"

namespace cutover::gnoi_door {
namespace {

using Type = ::gnoi::types::HashType;

std::string hash_of(Type::HashMethod method, const std::string& text) {
    auto hashing = Hashing::by(method);
    if (!hashing) return {};
    hashing->add(text);
    return hashing->finish();
}

TEST(Hashing, IsRawBytes) {
    EXPECT_EQ(hash_of(Type::MD5, "abc").size(), 16U);
    EXPECT_EQ(hash_of(Type::SHA256, "abc").substr(0, 4), "\xba\x78\x16\xbf");
    EXPECT_EQ(hash_of(Type::SHA512, "abc").size(), 64U);
    EXPECT_FALSE(Hashing::by(Type::UNSPECIFIED));
}

TEST(Hashing, IsComparedByTheMethodThatIsToldLast) {
    for (const auto method : {Type::MD5, Type::SHA256, Type::SHA512}) {
        Type expected;
        expected.set_method(method);
        expected.set_hash(hash_of(method, "abc"));
        AllHashes same;
        same.add("a");
        same.add("");
        same.add("bc");
        EXPECT_TRUE(same.has(expected));
        AllHashes other;
        other.add("abd");
        EXPECT_FALSE(other.has(expected));
    }
    AllHashes any;
    EXPECT_FALSE(any.has({}));
}

}  // namespace
}  // namespace cutover::gnoi_door
