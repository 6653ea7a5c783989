#include "model/service_change.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <stop_token>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "model/device.h"
#include "model/manifest.h"
#include "platform/emulated/service_change_fixture.h"
#include "platform/emulated/supervisor.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using enum ServiceActionKind;

TEST_F(ServiceChangeTest, ARestartWithSocketsLosesNoRequest) {
    ASSERT_TRUE(start({server("old")})) << text("log/web.log");
    Load load(port());
    ASSERT_TRUE(eventually([&] { return load.count("old") >= 40; }));
    for (const auto* const version : {"second", "third", "fourth"}) {
        const auto changed = change(restart_with_sockets, server(version));
        ASSERT_TRUE(changed) << changed.error().text();
        EXPECT_EQ(status().state, "running");
        ASSERT_TRUE(eventually([&] { return load.count(version) >= 40; }));
    }
    load.stop();
    EXPECT_EQ(load.count(""), 0) << "requests without an answer";
    EXPECT_EQ(load.answers().size(), 4U);
    const auto all = pids(4);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(ends(all.at(i))) << "it was asked to end";
    EXPECT_TRUE(lives(all.back()));
    EXPECT_EQ(supervisor->status().size(), 1U);
}

TEST_F(ServiceChangeTest, ASuccessorThatIsNeverReadyLeavesTheOldOneToItsWork) {
    ASSERT_TRUE(start({server("old")})) << text("log/web.log");
    Load load(port());
    ASSERT_TRUE(eventually([&] { return load.count("old") >= 20; }));
    auto mute = server("new");
    mute.spec.environment["MUTE"] = "1";
    mute.spec.command = {"/usr/bin/python3", "-c", "import time\ntime.sleep(60)\n"};
    mute.spec.start_timeout = 300ms;
    const auto changed = change(restart_with_sockets, mute);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().id, "service.change_failed");
    EXPECT_THAT(changed.error().message, HasSubstr("web"));
    EXPECT_THAT(changed.error().message, HasSubstr("not ready within 0.3 s"));
    const auto before = load.count("old");
    ASSERT_TRUE(eventually([&] { return load.count("old") >= before + 20; }));
    load.stop();
    EXPECT_EQ(load.answers().size(), 1U) << "all by the old one, none lost";
    EXPECT_EQ(status(), (ServiceStatus{.name = "web", .state = "running"}));
    EXPECT_TRUE(lives(pids(1).front()));
    // What is recorded is what runs: after a crash the old one comes back.
    ::kill(pids(1).front(), SIGKILL);
    ASSERT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
    EXPECT_EQ(request(port()), "old");
}

TEST_F(ServiceChangeTest, ASuccessorThatCrashesIsToldWithItsLastWords) {
    ASSERT_TRUE(start({server("old")})) << text("log/web.log");
    auto broken = server("new");
    broken.spec.command = sh("echo no licence; exit 7");
    const auto changed = change(restart_with_sockets, broken);
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, HasSubstr("exit code 7, saying: no licence"));
    EXPECT_EQ(request(port()), "old");
    ASSERT_TRUE(change(restart_with_sockets, server("good"))) << "another change may follow";
    EXPECT_TRUE(comes_to_answer("good"));
}

// A notification counts for the process that sent it.
TEST_F(ServiceChangeTest, TheOldProcessCannotSpeakForTheNewOne) {
    auto chatty = plan({.name = "web",
                        .command = {"/usr/bin/python3", "-c",
                                    "import os,socket,time\n"
                                    "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                                    "s.connect('\\0'+os.environ['NOTIFY_SOCKET'][1:])\n"
                                    "while True: s.send(b'READY=1'); time.sleep(0.005)\n"},
                        .ready = ReadyWhen::notified});
    ASSERT_TRUE(start({chatty}));
    auto silent = script("exec sleep 60");
    silent.spec.ready = ReadyWhen::notified;
    silent.spec.start_timeout = 200ms;
    EXPECT_FALSE(change(restart_with_sockets, silent));
    EXPECT_EQ(status().state, "running");
}

TEST_F(ServiceChangeTest, TheOldOneMayFinishWithoutHoldingUpTheChange) {
    auto slow = server("old");
    slow.spec.environment["LINGER"] = "0.5";
    auto options = kFast;
    options.stop_timeout = 50ms;
    ASSERT_TRUE(start({slow}, options)) << text("log/web.log");
    const auto old = pids(1).front();
    ASSERT_TRUE(change(restart_with_sockets, server("new")));
    EXPECT_TRUE(lives(old)) << "it drains";
    EXPECT_TRUE(comes_to_answer("new"));
    EXPECT_TRUE(ends(old));
    EXPECT_THAT(text("log/web.log"), HasSubstr("all answered"));
}

TEST_F(ServiceChangeTest, OneThatDrainsForeverIsKilled) {
    auto endless = server("old");
    endless.spec.environment["LINGER"] = "600";
    auto options = kFast;
    options.drain_timeout = 100ms;
    ASSERT_TRUE(start({endless}, options)) << text("log/web.log");
    ASSERT_TRUE(change(restart_with_sockets, server("new")));
    EXPECT_TRUE(ends(pids(2).front()));
}

TEST_F(ServiceChangeTest, SocketsComeAndGoWithTheNewSpec) {
    const auto show = [](const std::string& listen) {
        auto spec = ServiceSpec{.name = "web", .command = sh("echo $LISTEN_FDS; exec sleep 60")};
        spec.listen.push_back("tcp:127.0.0.1:0");
        if (!listen.empty()) spec.listen.push_back(listen);
        return plan(spec);
    };
    ASSERT_TRUE(start({show("")}));
    ASSERT_TRUE(change(restart_with_sockets, show("tcp:0")));
    EXPECT_TRUE(eventually([&] { return text("log/web.log") == "1\n2\n"; })) << text("log/web.log");
    ASSERT_TRUE(change(restart_with_sockets, show("")));
    EXPECT_TRUE(eventually([&] { return text("log/web.log") == "1\n2\n1\n"; }));
    const auto refused = change(restart_with_sockets, show("tcp:192.0.2.1:80"));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("tcp:192.0.2.1:80"));
    EXPECT_EQ(status().state, "running");
}

TEST_F(ServiceChangeTest, ServicesComeAndGo) {
    ASSERT_TRUE(start({}));
    const auto web = script(living());
    ASSERT_TRUE(change(ServiceActionKind::start, web));
    EXPECT_EQ(status(), (ServiceStatus{.name = "web", .state = "running"}));
    const auto first = pids(1).front();
    ASSERT_TRUE(change(ServiceActionKind::start, web)) << "it runs already";
    EXPECT_EQ(pids(1).size(), 1U);
    EXPECT_TRUE(lives(first));
    ASSERT_TRUE(change(stop, web));
    EXPECT_FALSE(lives(first)) << "it has ended when the action has";
    EXPECT_TRUE(supervisor->status().empty());
    ASSERT_TRUE(change(stop, web)) << "it is absent already";
}

TEST_F(ServiceChangeTest, AStopKillsWhatDoesNotListen) {
    ASSERT_TRUE(start({script(living("trap '' TERM;"))}));
    const auto deaf = pids(1).front();
    ASSERT_TRUE(change(stop, script(living())));
    EXPECT_FALSE(lives(deaf));
}

TEST_F(ServiceChangeTest, ARestartBeginsWhenTheOldProcessHasEnded) {
    const auto alone = [](const std::string& word) {
        return script(
            "mkdir $CUTOVER_DATA/lock || exit 9; "
            "trap 'sleep 0.05; rmdir $CUTOVER_DATA/lock; exit 0' TERM; echo " +
            word + " >$CUTOVER_DATA/word;" + living());
    };
    ASSERT_TRUE(start({alone("one")}));
    (void)pids(1);
    const auto changed = change(restart, alone("two"));
    ASSERT_TRUE(changed) << changed.error().text();
    EXPECT_TRUE(eventually([&] { return text("data/word") == "two\n"; }));
    EXPECT_EQ(status().restarts, 0);
    ASSERT_TRUE(change(restart, alone("two"))) << "always restarts";
    EXPECT_EQ(pids(3).size(), 3U);
}

TEST_F(ServiceChangeTest, ARestartKeepsTheSocketsOpen) {
    ASSERT_TRUE(start({server("old")})) << text("log/web.log");
    const auto where = port();
    Load load(where);
    ASSERT_TRUE(eventually([&] { return load.count("old") >= 20; }));
    ASSERT_TRUE(change(restart, server("new")));
    ASSERT_TRUE(eventually([&] { return load.count("new") >= 20; }));
    load.stop();
    EXPECT_EQ(load.count(""), 0) << "who came between waited";
    EXPECT_EQ(port(), where);
}

TEST_F(ServiceChangeTest, AFailedRestartCanBeReversed) {
    ASSERT_TRUE(start({script(living())}));
    const auto changed = change(restart, script("echo cannot; exit 5"));
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().id, "service.change_failed");
    EXPECT_THAT(changed.error().message, HasSubstr("restart service web"));
    EXPECT_THAT(changed.error().message, HasSubstr("exit code 5, saying: cannot"));
    EXPECT_EQ(status().state, "failed");
    ASSERT_TRUE(change(restart, script(living())));
    EXPECT_EQ(status(), (ServiceStatus{.name = "web", .state = "running"}));
}

TEST_F(ServiceChangeTest, TheFirstFailureEndsTheChange) {
    ASSERT_TRUE(start({}));
    const auto good = plan(shell("good", "exec sleep 60"));
    const auto bad = plan(shell("bad", "exit 1"));
    const auto later = plan(shell("later", "exec sleep 60"));
    const auto changed = supervisor->change({{.service = good, .command = {}, .because = {}},
                                             {.service = bad, .command = {}, .because = {}},
                                             {.service = later, .command = {}, .because = {}}},
                                            {});
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, HasSubstr("bad"));
    ASSERT_EQ(supervisor->status().size(), 2U);
    EXPECT_EQ(status(0).state, "running");
    EXPECT_EQ(status(1).state, "failed");
    ASSERT_TRUE(change(stop, bad));
    EXPECT_EQ(supervisor->status().size(), 1U);
}

}  // namespace
}  // namespace cutover
