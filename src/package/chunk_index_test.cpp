#include "package/chunk_index.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "crypto/digest.h"

namespace cutover {
namespace {

std::string three_chunks() {
    ChunkIndexWriter writer;
    for (const auto* text : {"one", "two", "three"})
        writer.add(sha256(text), 1000, sha256(std::string(text) + "!"), 300);
    return writer.finish();
}

TEST(ChunkIndexBytes, ComeBackAsTheyWere) {
    const auto index = ChunkIndex::parse(three_chunks());
    ASSERT_TRUE(index) << index.error().text();
    EXPECT_EQ(index->count(), 3U);
    EXPECT_EQ(index->content_bytes(), 3000U);
    EXPECT_EQ(index->frame_bytes(), 900U);
    EXPECT_EQ(index->longest_chunk(), 1000U);
    const auto last = index->at(2);
    EXPECT_EQ(last.content, sha256("three"));
    EXPECT_EQ(last.content_bytes, 1000U);
    EXPECT_EQ(last.frame, sha256("three!"));
    EXPECT_EQ(last.frame_offset, 600U);
    EXPECT_EQ(last.frame_bytes, 300U);
}

TEST(ChunkIndexBytes, EveryChangeButOfADigestIsRefused) {
    const auto bytes = three_chunks();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto in_entry = i < 40 ? 40 : (i - 40) % 80;
        const bool in_digest = i >= 40 && (in_entry < 32 || (in_entry >= 36 && in_entry < 68));
        auto changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_EQ(ChunkIndex::parse(changed).has_value(), in_digest) << i;
    }
}

TEST(ChunkIndexBytes, AnyOtherLengthIsRefused) {
    const auto bytes = three_chunks();
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(ChunkIndex::parse(bytes.substr(0, size))) << size;
    EXPECT_FALSE(ChunkIndex::parse(bytes + '\0'));
}

TEST(ChunkIndexBytes, ChunksOfImpossibleSizesAreRefused) {
    const auto with = [](std::uint32_t content_bytes, std::uint32_t frame_bytes) {
        ChunkIndexWriter writer;
        writer.add({}, content_bytes, {}, frame_bytes);
        return ChunkIndex::parse(writer.finish()).has_value();
    };
    EXPECT_TRUE(with(kMaxChunkBytes, 1000));
    EXPECT_FALSE(with(kMaxChunkBytes + 1, 1000));
    EXPECT_FALSE(with(0, 10));
    EXPECT_FALSE(with(1000, 0));
    EXPECT_FALSE(with(1000, 100'000)) << "no frame is that much longer than its content";
}

}  // namespace
}  // namespace cutover
