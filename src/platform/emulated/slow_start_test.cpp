// A first start that takes longer than the one who starts it waits.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/device.h"
#include "model/manifest.h"
#include "platform/emulated/supervisor.h"
#include "platform/emulated/supervisor_fixture.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct SlowStartTest : SupervisorFixture {
    Result<> start_one(const ServiceSpec& spec, const SupervisorOptions& options) {
        return start({{.spec = spec, .owner = "base 1", .after_start = {}}}, options);
    }
    static SupervisorOptions patient(std::chrono::milliseconds least = 0ms) {
        auto options = kFast;
        options.least_start_timeout = least;
        options.patience = 20ms;
        return options;
    }
    ServiceSpec slow(const std::string& said) const {
        const auto wait =
            "import os,socket,time\n"
            "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
            "s.connect('\\0'+os.environ['NOTIFY_SOCKET'][1:])\n"
            "s.send(" +
            said +
            ")\n"
            "while not os.path.exists('" +
            path("go").string() +
            "'):\n"
            "  time.sleep(0.005)\n"
            "s.send(b'READY=1')\n"
            "time.sleep(60)\n";
        return {.name = "db",
                .command = {"/usr/bin/python3", "-c", wait},
                .ready = ReadyWhen::notified};
    }
    void let_it_go() const { std::ofstream(path("go")) << "now"; }
};

TEST_F(SlowStartTest, IsToldInItsOwnWordsUntilItIsReady) {
    ASSERT_TRUE(
        start_one(slow("b'STATUS=loading \\x1b[31m42 %\\nSTATUS=loading 43 %'"), patient()));
    EXPECT_TRUE(eventually([&] { return supervisor->starting().contains("(loading 43 %)"); }))
        << supervisor->starting();
    EXPECT_THAT(supervisor->starting(), HasSubstr("db is starting: 0 s of at most 10 s"));
    EXPECT_EQ(status().state, "starting");
    let_it_go();
    EXPECT_TRUE(eventually([&] { return supervisor->starting().empty(); }));
    EXPECT_EQ(status(), (ServiceStatus{.name = "db", .state = "running"}));
}

TEST_F(SlowStartTest, WhatAServiceSaysIsOneBoundedLineOfText) {
    ASSERT_TRUE(start_one(slow("b'STATUS=\\x1b\\xff\\x07' + b'x' * 3000"), patient()));
    EXPECT_TRUE(eventually([&] { return supervisor->starting().contains("xxx"); }));
    const auto text = supervisor->starting();
    EXPECT_LT(text.size(), 300U);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
}

TEST_F(SlowStartTest, EndsInAFailureAtItsOwnDeadline) {
    auto spec = slow("b'STATUS=never'");
    spec.start_timeout = 300ms;
    ASSERT_TRUE(start_one(spec, patient()));
    EXPECT_TRUE(eventually([&] { return supervisor->starting().empty(); }));
    EXPECT_EQ(status().state, "failed");
    EXPECT_THAT(status().detail, HasSubstr("it was not ready within 0.3 s"));
}

TEST_F(SlowStartTest, TheLongerOfTwoDeadlinesCounts) {
    auto spec = slow("b'STATUS=slowly'");
    spec.start_timeout = 1ms;
    ASSERT_TRUE(start_one(spec, patient(1min)));
    EXPECT_TRUE(eventually([&] { return supervisor->starting().contains("of at most 1 min"); }));
    let_it_go();
    EXPECT_TRUE(eventually([&] { return status().state == "running"; }));
}

TEST_F(SlowStartTest, AServiceThatDiesIsAFailureAtOnce) {
    auto dying = shell("web", "exit 3");
    dying.ready = ReadyWhen::ended;
    dying.start_timeout = 1min;
    auto options = patient();
    options.patience = 30s;
    const auto started = start_one(dying, options);
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr("exit code 3"));
}

TEST_F(SlowStartTest, AChangeWaitsForItAndStoppingDoesNot) {
    ASSERT_TRUE(start_one(slow("b'STATUS=busy'"), patient()));
    Result<> changed;
    std::jthread other([&] { changed = supervisor->change({}, {}); });
    let_it_go();
    other.join();
    EXPECT_TRUE(changed) << changed.error().text();
    EXPECT_EQ(status().state, "running");

    std::filesystem::remove(path("go"));
    ASSERT_TRUE(start_one(slow("b'STATUS=busy'"), patient()));
    std::jthread waiting([&] { changed = supervisor->change({}, {}); });
    supervisor->stop();
    waiting.join();
    EXPECT_FALSE(changed);
}

}  // namespace
}  // namespace cutover
