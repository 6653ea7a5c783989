#include "backends/machine/watchdog.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/unique_fd.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;

// A pipe in place of the device: what a driver would be given can be read at its other end.
struct WatchdogTest : testing::Test {
    WatchdogTest() {
        EXPECT_EQ(::mkfifo(device.c_str(), 0600), 0);
        reader.reset(::open(device.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    }
    std::string given() const {
        std::array<char, 1000> bytes{};
        const auto got = ::read(reader.get(), bytes.data(), bytes.size());
        return got > 0 ? std::string(bytes.data(), static_cast<std::size_t>(got)) : "";
    }
    bool closed() const {  // end of file: nobody has it open for writing any more
        char byte = 0;
        return ::read(reader.get(), &byte, 1) == 0;
    }

    TempFolder folder = TempFolder::create(testing::TempDir(), "dog").value();
    std::filesystem::path device = folder.path() / "watchdog";
    UniqueFd reader;
};

TEST_F(WatchdogTest, IsFedFromTheStartAndKeepsCountingWhenItIsLeft) {
    {
        auto watchdog = Watchdog::open(device, 10s);
        ASSERT_TRUE(watchdog) << watchdog.error().text();
        watchdog->feed();
        EXPECT_EQ(given(), std::string(2, '\0'));
    }
    EXPECT_EQ(given(), "") << "no magic close";
    EXPECT_TRUE(closed());
}

TEST_F(WatchdogTest, IsDisarmedOnlyByIntent) {
    auto watchdog = Watchdog::open(device, 10s);
    ASSERT_TRUE(watchdog);
    ASSERT_TRUE(watchdog->disarm());
    EXPECT_EQ(given(), std::string("\0V", 2));
    EXPECT_TRUE(closed());
}

TEST_F(WatchdogTest, ThatIsNotThereIsAnError) {
    const auto watchdog = Watchdog::open(folder.path() / "none", 10s);
    ASSERT_FALSE(watchdog);
    EXPECT_EQ(watchdog.error().id, "watchdog.unusable");
}

TEST(Feeder, FeedsWhileAllIsWellAndSaysOnceWhenItEnds) {
    std::atomic<bool> alive = true;
    std::atomic<int> fed = 0;
    std::atomic<int> asked = 0;
    std::atomic<int> hung = 0;
    const Feeder feeder({.interval = 1ms,
                         .alive =
                             [&] {
                                 ++asked;
                                 return alive.load();
                             },
                         .feed = [&] { ++fed; },
                         .on_hang = [&] { ++hung; }});
    while (fed < 3) std::this_thread::yield();
    EXPECT_EQ(hung, 0);
    alive = false;
    while (hung == 0) std::this_thread::yield();
    const int before = fed;
    const int asked_before = asked;
    while (asked < asked_before + 5) std::this_thread::yield();
    EXPECT_EQ(fed, before) << "not fed any more";
    EXPECT_EQ(hung, 1);
    alive = true;
    while (fed == before) std::this_thread::yield();  // it only looked as if it hung
}

TEST(Feeder, EndsAtOnceWhenItIsToldTo) {
    std::atomic<int> fed = 0;
    Feeder feeder({.interval = 1h, .alive = [] { return true; }, .feed = [&] { ++fed; }});
    while (fed == 0) std::this_thread::yield();
    feeder.stop();
    EXPECT_EQ(fed, 1);
}

}  // namespace
}  // namespace cutover
