#include "platform/emulated/supervisor.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <stop_token>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "model/device.h"
#include "model/manifest.h"
#include "model/service_change.h"
#include "platform/emulated/supervisor_fixture.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

// For services that are to end within the grace time, however busy the machine is.
constexpr SupervisorOptions kPatient{.grace = 5000ms,
                                     .first_backoff = 5ms,
                                     .longest_backoff = 20ms,
                                     .max_restarts = 3,
                                     .restart_window = 60'000ms};

std::vector<PlannedService> planned(const std::vector<ServiceSpec>& specs) {
    std::vector<PlannedService> plans;
    for (const auto& spec : specs)
        plans.push_back({.spec = spec, .owner = "base 1", .after_start = {}});
    return plans;
}

struct SupervisorTest : SupervisorFixture {
    Result<> start(const std::vector<ServiceSpec>& specs, SupervisorOptions options = kFast,
                   std::stop_token stop = {}) {
        return SupervisorFixture::start(planned(specs), options, std::move(stop));
    }
};

TEST_F(SupervisorTest, NoServicesAreUpAtOnce) {
    EXPECT_TRUE(start({}));
    EXPECT_TRUE(supervisor->status().empty());
}

TEST_F(SupervisorTest, AServiceRunsInTheSlotWithItsEnvironment) {
    auto spec = shell("web", "pwd; env; echo >$CUTOVER_DATA/said; exec sleep 60");
    spec.environment = {{"MODE", "fast"}};
    const auto started = start({spec});
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(status().state, "running");
    (void)awaited("data/said");
    supervisor->stop();
    EXPECT_EQ(status().state, "stopped");
    const auto said = text("log/web.log");
    EXPECT_THAT(said, testing::StartsWith(path("root").string() + "\n"));
    EXPECT_THAT(said, HasSubstr("MODE=fast\n"));
    EXPECT_THAT(said, HasSubstr(fmt::format("CUTOVER_ROOT={}\n", path("root").string())));
    EXPECT_THAT(said, HasSubstr(fmt::format("CUTOVER_DATA={}\n", path("data").string())));
    EXPECT_THAT(said, HasSubstr(fmt::format("CUTOVER_PERSIST={}\n", path("persist").string())));
    EXPECT_THAT(said, testing::Not(HasSubstr("LISTEN_FDS")));
}

TEST_F(SupervisorTest, AMissingProgramIsNamed) {
    const auto started = start({{.name = "web", .command = {"bin/nothing"}}});
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().id, "boot.failed");
    EXPECT_THAT(started.error().message, HasSubstr("web"));
    EXPECT_THAT(started.error().message, HasSubstr("bin/nothing"));
    EXPECT_EQ(status().state, "failed");
}

TEST_F(SupervisorTest, AServiceThatKeepsEndingIsGivenUpWithWhatItSaid) {
    const auto started = start({shell("web", "echo no licence; exit 7")}, kPatient);
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr("4 times"));
    EXPECT_THAT(started.error().message, HasSubstr("exit code 7, saying: no licence"));
    EXPECT_EQ(status().restarts, 3);
}

TEST_F(SupervisorTest, AServiceThatRecoversInTimeIsUp) {
    const auto script =
        fmt::format("echo x >>{0}; [ $(wc -l <{0}) -ge 3 ] && exec sleep 60; exit 1",
                    path("data/starts").string());
    auto options = kPatient;
    options.grace = 700ms;
    const auto started = start({shell("web", script)}, options);
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(status().state, "running");
    EXPECT_EQ(status().restarts, 2);
}

TEST_F(SupervisorTest, RestartNeverMeansNever) {
    auto spec = shell("once", "exit 3");
    spec.restart = RestartPolicy::never;
    EXPECT_THAT(start({spec}, kPatient).error().message, HasSubstr("exit code 3"));
    EXPECT_EQ(status().restarts, 0);
    EXPECT_EQ(status().state, "failed");
}

TEST_F(SupervisorTest, AServiceThatEndsWellRightAwayWasNoService) {
    EXPECT_THAT(start({shell("web", "exit 0")}, kPatient).error().message,
                HasSubstr("before it was ready"));
}

TEST_F(SupervisorTest, ATaskHoldsUpTheServicesAfterItUntilItHasEnded) {
    auto task = shell("setup", "sleep 0.1; echo done >$CUTOVER_DATA/setup");
    task.ready = ReadyWhen::ended;
    const auto service = shell("web", "cat $CUTOVER_DATA/setup && exec sleep 60");
    const auto started = start({task, service});
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(status(0).state, "ended");
    EXPECT_EQ(status(1).state, "running");
    EXPECT_EQ(status(1).restarts, 0);
}

TEST_F(SupervisorTest, ATaskThatFailsOrHangsFailsTheBoot) {
    auto task = shell("setup", "exit 4");
    task.ready = ReadyWhen::ended;
    EXPECT_THAT(start({task, shell("web", "sleep 60")}).error().message, HasSubstr("exit code 4"));
    EXPECT_EQ(status(1).state, "starting") << "it was never begun";
    auto hanging = shell("setup", "sleep 60");
    hanging.ready = ReadyWhen::ended;
    hanging.start_timeout = 50ms;
    EXPECT_THAT(start({hanging}).error().message, HasSubstr("not ready within"));
}

TEST_F(SupervisorTest, ANotifyingServiceIsReadyWhenItSaysSo) {
    ServiceSpec spec{.name = "py",
                     .command = {"/usr/bin/python3", "-c",
                                 "import os,socket,time\n"
                                 "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                                 "s.connect('\\0'+os.environ['NOTIFY_SOCKET'][1:])\n"
                                 "s.send(b'STATUS=warming up')\n"
                                 "s.send(b'STATUS=there\\nREADY=1')\n"
                                 "time.sleep(60)\n"},
                     .ready = ReadyWhen::notified};
    const auto started = start({spec});
    ASSERT_TRUE(started) << started.error().text() << text("log/py.log");
    EXPECT_EQ(status().state, "running");
}

TEST_F(SupervisorTest, ANotifyingServiceThatStaysSilentFailsTheBoot) {
    auto spec = shell("silent", "exec sleep 60");
    spec.ready = ReadyWhen::notified;
    spec.start_timeout = 50ms;
    const auto started = start({spec});
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr("not ready within 0.1 s"));
    ASSERT_TRUE(eventually([&] { return status().state == "failed"; }));
}

TEST_F(SupervisorTest, SocketsAreHeldAndHandedOver) {
    ServiceSpec spec{
        .name = "py",
        .command = {"/usr/bin/python3", "-c",
                    "import os,socket,time\n"
                    "assert os.environ['LISTEN_FDS']=='2'\n"
                    "assert os.environ['LISTEN_PID']==str(os.getpid())\n"
                    "s=[socket.socket(fileno=3+i) for i in range(2)]\n"
                    "for x in s: socket.create_connection(('127.0.0.1',x.getsockname()[1]))\n"
                    "print('connected',os.listdir('/proc/self/fd'),flush=True)\n"
                    "time.sleep(60)\n"},
        .listen = {"tcp:127.0.0.1:0", "tcp:0"}};
    const auto started = start({spec});
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_TRUE(eventually([&] { return text("log/py.log").contains("connected"); }))
        << text("log/py.log") << status().detail;
}

TEST_F(SupervisorTest, ASocketThatCannotBeHadFailsTheBoot) {
    auto spec = shell("web", "exec sleep 60");
    spec.listen = {"udp:53"};
    EXPECT_THAT(start({spec}).error().message, HasSubstr("udp:53"));
    spec.listen = {"tcp:192.0.2.1:80"};  // an address for documentation: not ours
    EXPECT_THAT(start({spec}).error().message, HasSubstr("tcp:192.0.2.1:80"));
}

TEST_F(SupervisorTest, StoppingAsksFirstAndKillsWhatDoesNotListen) {
    const auto polite = shell("polite",
                              "trap 'echo bye; exit 0' TERM; echo hi >$CUTOVER_DATA/trapped; while "
                              ":; do sleep 0.01; done");
    const auto deaf = shell("deaf", "trap '' TERM; while :; do sleep 0.01; done");
    ASSERT_TRUE(start({polite, deaf}));
    (void)awaited("data/trapped");
    supervisor->stop();
    supervisor->stop();
    EXPECT_THAT(text("log/polite.log"), HasSubstr("bye"));
    EXPECT_EQ(status(0).state, "stopped");
    EXPECT_EQ(status(1).state, "stopped");
}

TEST_F(SupervisorTest, WhatAServiceStartedEndsWithIt) {
    const auto script = "sleep 60 & echo $! >$CUTOVER_DATA/child; wait";
    ASSERT_TRUE(start({shell("web", script)}));
    ASSERT_TRUE(eventually([&] { return text("data/child").ends_with('\n'); }));
    const auto child = static_cast<pid_t>(std::stol(text("data/child")));
    ASSERT_EQ(::kill(child, 0), 0);
    supervisor->stop();
    EXPECT_TRUE(eventually([&] {
        const auto stat = read_file(fmt::format("/proc/{}/stat", child), 10'000);
        return !stat || stat->contains(") Z ");
    }));
}

TEST_F(SupervisorTest, ARunningServiceThatCrashesIsStartedAgain) {
    ASSERT_TRUE(start({shell("web", "echo $$ >>$CUTOVER_DATA/pids; exec sleep 60")}));
    const auto first = static_cast<pid_t>(std::stol(awaited("data/pids")));
    ::kill(first, SIGSEGV);
    EXPECT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
    EXPECT_TRUE(eventually([&] { return text("data/pids") != fmt::format("{}\n", first); }));
}

TEST_F(SupervisorTest, TheLogOfATalkativeServiceStaysBounded) {
    ASSERT_TRUE(start({shell("talker", "yes | head -c 100000; exec sleep 60")}));
    EXPECT_TRUE(eventually([&] { return fs::exists(path("log/talker.log.1")); }));
    supervisor->stop();
    EXPECT_LE(fs::file_size(path("log/talker.log")), 10'000U);
    EXPECT_LE(fs::file_size(path("log/talker.log.1")), 10'000U);
}

TEST_F(SupervisorTest, AStartCanBeCancelled) {
    std::stop_source stop;
    stop.request_stop();
    auto spec = shell("setup", "sleep 60");
    spec.ready = ReadyWhen::ended;
    const auto started = start({spec}, kFast, stop.get_token());
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().kind, Errc::cancelled);
}

}  // namespace
}  // namespace cutover
