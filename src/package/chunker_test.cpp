// Properties of the cuts, for random and for dull content.

#include "package/chunker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "package/test_packages.h"

namespace cutover {
namespace {

using testing_packages::noise;

constexpr std::size_t kAverage = 4096;

std::vector<std::string> cut(std::string_view content, std::size_t write_size) {
    std::vector<std::string> chunks;
    Chunker chunker(std::uint32_t{kAverage}, [&](const std::vector<std::byte>& chunk) {
        chunks.emplace_back(reinterpret_cast<const char*>(chunk.data()), chunk.size());
        return Result<>();
    });
    for (std::size_t at = 0; at < content.size(); at += write_size)
        EXPECT_TRUE(chunker.write(std::as_bytes(std::span(content.substr(at, write_size)))));
    EXPECT_TRUE(chunker.finish());
    return chunks;
}

std::string joined(const std::vector<std::string>& chunks) {
    std::string all;
    for (const auto& chunk : chunks) all += chunk;
    return all;
}

TEST(Chunks, TogetherAreTheContentAndKeepToTheirSizes) {
    for (const auto& content : {noise(1'000'000), std::string(1'000'000, 'a'), std::string(),
                                noise(1), noise(kAverage / 4), noise(4 * kAverage)}) {
        const auto chunks = cut(content, 10'000);
        EXPECT_TRUE(joined(chunks) == content);
        for (const auto& chunk : chunks) {
            EXPECT_LE(chunk.size(), 4 * kAverage);
            if (&chunk != &chunks.back()) {
                EXPECT_GT(chunk.size(), kAverage / 4);
            }
        }
    }
}

TEST(Chunks, AreAboutAsLargeAsAskedFor) {
    const auto chunks = cut(noise(8'000'000), 100'000);
    const auto mean = 8'000'000 / chunks.size();
    EXPECT_GT(mean, kAverage / 2);
    EXPECT_LT(mean, 2 * kAverage);
}

TEST(Chunks, DoNotDependOnHowTheContentArrives) {
    const auto content = noise(300'000);
    const auto chunks = cut(content, 300'000);
    for (const std::size_t size : {1U, 7U, 4096U, 100'000U})
        EXPECT_TRUE(cut(content, size) == chunks);
}

TEST(Chunks, AnInsertionChangesOnlyThoseAroundIt) {
    const auto before = noise(2'000'000);
    auto after = before;
    after.insert(777'777, "a few bytes more");
    const auto old_chunks = cut(before, 65'536);
    const std::set<std::string> known(old_chunks.begin(), old_chunks.end());
    const auto new_chunks = cut(after, 65'536);
    const auto changed = std::ranges::count_if(
        new_chunks, [&](const auto& chunk) { return !known.contains(chunk); });
    EXPECT_GE(changed, 1);
    EXPECT_LE(changed, 4) << "of " << new_chunks.size();
}

TEST(Chunks, TheAverageIsAPowerOfTwoInBounds) {
    EXPECT_TRUE(is_chunk_average(65'536));
    for (const auto bad : {0U, 512U, 65'535U, 2U * 1024 * 1024})
        EXPECT_FALSE(is_chunk_average(bad));
}

}  // namespace
}  // namespace cutover
