#include "access/attempts.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/clock.h"

namespace cutover {
namespace {

using std::chrono::seconds;

SteadyTime at(int second) { return SteadyTime(std::chrono::hours(1) + seconds(second)); }

TEST(Attempts, FiveFailuresInAMinuteAreRefusedForAMinute) {
    Attempts attempts;
    for (int i = 0; i < 4; ++i) attempts.count("alice", at(i));
    EXPECT_FALSE(attempts.refused("alice", at(4)));
    attempts.count("alice", at(4));
    EXPECT_TRUE(attempts.refused("alice", at(4)));
    EXPECT_TRUE(attempts.refused("alice", at(63)));
    EXPECT_FALSE(attempts.refused("alice", at(64)));
    EXPECT_FALSE(attempts.refused("bob", at(4)));
}

TEST(Attempts, FailuresOfMoreThanAMinuteAgoDoNotCount) {
    Attempts attempts;
    for (int i = 0; i < 20; ++i) {
        attempts.count("alice", at(i * 16));
        EXPECT_FALSE(attempts.refused("alice", at(i * 16))) << i;
    }
}

TEST(Attempts, WhatWasNoFailureIsTakenBack) {
    Attempts attempts;
    for (int i = 0; i < 4; ++i) attempts.count("alice", at(0));
    for (int i = 0; i < 100; ++i) {
        attempts.count("alice", at(1));
        attempts.take_back("alice");
    }
    EXPECT_FALSE(attempts.refused("alice", at(1)));
    attempts.count("alice", at(2));
    EXPECT_TRUE(attempts.refused("alice", at(2)));
}

TEST(Attempts, TheTableHasABoundAndTheOldestGo) {
    Attempts attempts;
    for (int i = 0; i < 5; ++i) attempts.count("first", at(0));
    for (int i = 0; i < 5; ++i) attempts.count("second", at(1));
    for (std::size_t i = 0; i < Attempts::kMaxNames - 1; ++i)
        attempts.count(fmt::format("name {}", i), at(2));
    EXPECT_EQ(attempts.size(), Attempts::kMaxNames);
    EXPECT_FALSE(attempts.refused("first", at(3)));
    EXPECT_TRUE(attempts.refused("second", at(3)));
}

TEST(AddressKey, IsTheAddressWithoutItsPort) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"ipv4:192.0.2.1:40312", "192.0.2.1"},
        {"192.0.2.1:40312", "192.0.2.1"},
        {"192.0.2.1", "192.0.2.1"},
        {"ipv6:[::1]:5", "::/64"},
        {"ipv6:%5B2001:db8:1:2:3:4:5:6%5D:40312", "2001:db8:1:2::/64"},
        {"[2001:db8:1:2:ffff::1]:1", "2001:db8:1:2::/64"},
        {"ipv6:2001:db8:1:2::9", "2001:db8:1:2::/64"},
        {"ipv6:[fe80::1%25eth0]:7", "fe80::/64"},
        {"ipv6:[::ffff:192.0.2.1]:7", "192.0.2.1"},
        {"", ""},
    };
    for (const auto& [from, key] : cases) EXPECT_EQ(address_key(from), key) << from;
}

}  // namespace
}  // namespace cutover
