#include "base/byte_pipe.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{60'000};

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string read_text(BytePipe& pipe, std::size_t most) {
    std::vector<std::byte> buffer(most);
    const auto count = pipe.read(buffer, kLong, {});
    if (!count) return count.error().message;
    std::string text;
    for (const auto byte : std::span(buffer).first(*count)) text += std::to_integer<char>(byte);
    return text;
}

TEST(BytePipe, ALongStreamGoesThroughAShortPipeInOrder) {
    BytePipe pipe(7);
    std::string sent;
    for (int i = 0; i < 10'000; ++i) sent += static_cast<char>('a' + i % 26);
    std::jthread writer([&] {
        for (std::size_t at = 0; at < sent.size(); at += 11)
            EXPECT_TRUE(pipe.write(bytes(std::string_view(sent).substr(at, 11))));
        pipe.finish();
    });
    std::string got;
    for (auto part = read_text(pipe, 13); !part.empty(); part = read_text(pipe, 13)) got += part;
    EXPECT_EQ(got, sent);
    EXPECT_EQ(read_text(pipe, 13), "") << "the end is still there";
}

TEST(BytePipe, WhoWritesIsFreedWhenNobodyReadsAnyMore) {
    BytePipe pipe(4);
    std::jthread reader([&] {
        EXPECT_EQ(read_text(pipe, 2), "ab");
        pipe.close();
    });
    EXPECT_FALSE(pipe.write(bytes("abcdefghijkl")));
    EXPECT_FALSE(pipe.write(bytes("m")));
    EXPECT_TRUE(pipe.is_closed());
}

TEST(BytePipe, WhatIsGivenUpHasNoEnd) {
    BytePipe pipe(16);
    EXPECT_TRUE(pipe.write(bytes("abc")));
    pipe.give_up(make_error(Errc::unavailable, "the client is gone"));
    EXPECT_EQ(read_text(pipe, 8), "the client is gone");
    EXPECT_FALSE(pipe.write(bytes("d")));
}

TEST(BytePipe, AFinishedStreamCannotBeGivenUp) {
    BytePipe pipe(16);
    EXPECT_TRUE(pipe.write(bytes("abc")));
    pipe.finish();
    pipe.give_up(make_error(Errc::unavailable, "too late"));
    EXPECT_EQ(read_text(pipe, 8), "abc");
}

TEST(BytePipe, WhoReadsWaitsNoLongerThanItsPatience) {
    BytePipe pipe(16);
    std::array<std::byte, 4> buffer{};
    const auto got = pipe.read(buffer, milliseconds(1), {});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, Errc::timeout);
}

TEST(BytePipe, AStopEndsTheWait) {
    BytePipe pipe(16);
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    std::array<std::byte, 4> buffer{};
    const auto got = pipe.read(buffer, kLong, stop.get_token());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind, Errc::cancelled);
}

}  // namespace
}  // namespace cutover
