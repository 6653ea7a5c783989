#include "engine/lent_stream.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/byte_pipe.h"
#include "base/byte_source.h"
#include "base/error.h"

namespace cutover {
namespace {

constexpr std::chrono::milliseconds kPatience{60'000};

std::string read_text(ByteSource& source, std::size_t most) {
    std::vector<std::byte> buffer(most);
    const auto count = source.read(buffer);
    if (!count) return count.error().id;
    std::string text;
    for (const auto byte : std::span(buffer).first(*count)) text += std::to_integer<char>(byte);
    return text;
}

struct Stream {
    explicit Stream(std::string_view text) {
        EXPECT_TRUE(pipe->write(std::as_bytes(std::span(text))));
        pipe->finish();
    }
    std::unique_ptr<ByteSource> open() const {
        auto source = lent->open(kPatience, {});
        EXPECT_TRUE(source) << source.error().text();
        return source ? *std::move(source) : nullptr;
    }

    std::shared_ptr<BytePipe> pipe = std::make_shared<BytePipe>();
    std::shared_ptr<LentStream> lent = std::make_shared<LentStream>(pipe);
};

TEST(LentStream, IsOpenedAgainFromItsFirstByteOn) {
    const Stream stream("signature, index, payload");
    EXPECT_EQ(read_text(*stream.open(), 9), "signature");
    EXPECT_EQ(read_text(*stream.open(), 16), "signature, index");
    const auto third = stream.open();
    EXPECT_EQ(read_text(*third, 4), "sign");
    EXPECT_EQ(read_text(*third, 100), "ature, index, payload");
}

TEST(LentStream, KeepsNothingOfThePayload) {
    const Stream stream("headpayload");
    EXPECT_EQ(read_text(*stream.open(), 4), "head");
    const auto last = stream.open();
    EXPECT_EQ(read_text(*last, 2), "he");
    stream.lent->keep_no_more();
    EXPECT_EQ(read_text(*last, 4), "adpa");
    EXPECT_EQ(read_text(*last, 100), "yload");
    const auto late = stream.lent->open(kPatience, {});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().id, "transfer.broken");
}

TEST(LentStream, TellsWhoWritesThatNobodyReads) {
    const Stream stream("x");
    stream.lent->take_back();
    EXPECT_TRUE(stream.pipe->is_closed());
}

}  // namespace
}  // namespace cutover
