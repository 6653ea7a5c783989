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
#include "model/service_change.h"
#include "platform/emulated/service_change_fixture.h"
#include "platform/emulated/supervisor.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using enum ServiceActionKind;

TEST_F(ServiceChangeTest, AReloadIsASignalToTheMainProcess) {
    const auto web = script(living("trap 'echo reloaded' USR1;"));
    ASSERT_TRUE(start({web}));
    const auto first = pids(1).front();
    auto reloaded = web;
    reloaded.spec.reload_signal = "USR1";
    ASSERT_TRUE(change(reload, reloaded));
    EXPECT_TRUE(eventually([&] { return text("log/web.log") == "reloaded\n"; }));
    EXPECT_TRUE(lives(first));
}

TEST_F(ServiceChangeTest, AReloadThatEndsTheServiceHasFailed) {
    ASSERT_TRUE(start({script(living())}));
    (void)pids(1);
    const auto changed = change(reload, script(living()));
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, HasSubstr("on signal HUP: signal 1"));
    EXPECT_TRUE(eventually([&] { return status().state == "running"; })) << "its own rules go on";
    EXPECT_EQ(status().restarts, 1);
}

TEST_F(ServiceChangeTest, WhatDoesNotRunCanNeitherReloadNorBeHooked) {
    ASSERT_TRUE(start({}));
    EXPECT_THAT(change(reload, script("")).error().message, HasSubstr("does not run"));
    EXPECT_THAT(change(hook, script(""), sh("true")).error().message, HasSubstr("does not run"));
}

TEST_F(ServiceChangeTest, AHookIsToldForWhomItRuns) {
    ASSERT_TRUE(start({script(living())}));
    const auto first = pids(1).front();
    ASSERT_TRUE(change(hook, script(living()),
                       sh("pwd; echo $CUTOVER_SERVICE $CUTOVER_SERVICE_PID $CUTOVER_DATA")));
    EXPECT_EQ(text("log/web.log"),
              fmt::format("{}\nweb {} {}\n", path("root").string(), first, path("data").string()));
    EXPECT_TRUE(lives(first));
}

TEST_F(ServiceChangeTest, AHookThatFailsOrHangsFailsTheChangeAndTheServiceGoesOn) {
    ASSERT_TRUE(start({script(living())}));
    const auto first = pids(1).front();
    auto patched = script(living());
    patched.after_start = {sh("exit 3")};
    const auto changed = change(hook, patched, sh("echo one; echo two; exit 3"));
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().id, "service.change_failed");
    EXPECT_THAT(changed.error().message, HasSubstr("bin/busybox"));
    EXPECT_THAT(changed.error().message, HasSubstr("exit code 3, saying: one; two"));
    patched.spec.start_timeout = 100ms;
    EXPECT_THAT(change(hook, patched, sh("echo begun; exec sleep 60")).error().message,
                HasSubstr("not done in time"));
    EXPECT_THAT(change(hook, patched, {"bin/nothing"}).error().message, HasSubstr("bin/nothing"));
    EXPECT_TRUE(lives(first));
    EXPECT_EQ(status().state, "running");
    // The hooks of the failed change are not those of the service.
    ::kill(first, SIGKILL);
    EXPECT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
}

TEST_F(ServiceChangeTest, ACrashDuringAHookFailsTheChange) {
    ASSERT_TRUE(start({script(living())}));
    (void)pids(1);
    const auto changed =
        change(hook, script(living()), sh("kill -9 $CUTOVER_SERVICE_PID; exec sleep 60"));
    ASSERT_FALSE(changed);
    EXPECT_THAT(changed.error().message, HasSubstr("while its hook ran: signal 9"));
    EXPECT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
}

TEST_F(ServiceChangeTest, HooksRunAfterEachStartInTheirOrder) {
    auto patched = script(living());
    patched.after_start = {sh("echo first $CUTOVER_SERVICE_PID >>$CUTOVER_DATA/hooks"),
                           sh("echo second $CUTOVER_SERVICE_PID >>$CUTOVER_DATA/hooks")};
    ASSERT_TRUE(start({patched}));
    const auto first = pids(1).front();
    auto expected = fmt::format("first {0}\nsecond {0}\n", first);
    EXPECT_EQ(text("data/hooks"), expected) << "a start is over when its hooks are";
    ::kill(first, SIGKILL);
    ASSERT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
    expected += fmt::format("first {0}\nsecond {0}\n", pids(2).at(1));
    EXPECT_EQ(text("data/hooks"), expected);
    ASSERT_TRUE(change(restart_with_sockets, patched));
    expected += fmt::format("first {0}\nsecond {0}\n", pids(3).at(2));
    EXPECT_EQ(text("data/hooks"), expected);
}

TEST_F(ServiceChangeTest, AStartWhoseHookFailsHasFailed) {
    auto patched = script(living());
    patched.after_start = {sh("echo wrong build; exit 4")};
    const auto started = start({patched});
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr("exit code 4, saying: wrong build"));
    EXPECT_EQ(status().state, "failed");
    EXPECT_TRUE(ends(pids(1).front()));
}

// Better given up than left running without its patches.
TEST_F(ServiceChangeTest, AHookThatFailsAfterEachCrashEndsTheService) {
    auto patched = script(living());
    patched.after_start = {sh("mkdir $CUTOVER_DATA/once || { echo again; exit 4; }")};
    ASSERT_TRUE(start({patched}));
    ::kill(pids(1).front(), SIGKILL);
    ASSERT_TRUE(eventually([&] { return status().state == "failed"; }));
    EXPECT_THAT(status().detail, HasSubstr("exit code 4, saying: "));
    EXPECT_THAT(status().detail, HasSubstr("again"));
    EXPECT_TRUE(ends(pids(4).back()));
}

TEST_F(ServiceChangeTest, OthersAreServedWhileAChangeLasts) {
    auto other = plan(shell("other", "echo $$ >>$CUTOVER_DATA/others; exec sleep 60"));
    ASSERT_TRUE(start({script(living()), other}));
    (void)awaited("data/others");
    const auto changed =
        change(hook, script(living()),
               sh("kill -9 $(cat $CUTOVER_DATA/others);"
                  "while [ $(wc -l <$CUTOVER_DATA/others) -lt 2 ]; do sleep 0.01; done"));
    EXPECT_TRUE(changed) << "it waits for the other one's next start";
    EXPECT_EQ(status(1).restarts, 1);
}

TEST_F(ServiceChangeTest, AChangeCanBeStoppedAndReversed) {
    struct Case {
        ServiceActionKind kind;
        std::string script;
    };
    for (const auto& [kind, text_of_it] :
         std::vector<Case>{{restart, "touch $CUTOVER_DATA/begun; exec sleep 60"},
                           {restart_with_sockets, "touch $CUTOVER_DATA/begun; exec sleep 60"}}) {
        std::filesystem::remove(path("data/begun"));
        ASSERT_TRUE(start({script(living())}));
        auto slow = script(text_of_it);
        slow.spec.ready = ReadyWhen::notified;
        std::stop_source source;
        const std::jthread stopper([&] {
            EXPECT_TRUE(eventually([&] { return std::filesystem::exists(path("data/begun")); }));
            source.request_stop();
        });
        const auto changed = change(kind, slow, {}, source.get_token());
        ASSERT_FALSE(changed);
        EXPECT_EQ(changed.error().kind, Errc::cancelled);
        const auto reversed = change(kind, script(living()));
        ASSERT_TRUE(reversed) << reversed.error().text();
        EXPECT_EQ(supervisor->status(),
                  (std::vector<ServiceStatus>{{.name = "web", .state = "running"}}));
        supervisor->stop();
    }
}

TEST_F(ServiceChangeTest, AStoppedHookIsNobodysPatch) {
    ASSERT_TRUE(start({script(living())}));
    auto patched = script(living());
    patched.after_start = {sh("exit 1")};
    std::stop_source source;
    const std::jthread stopper([&] {
        (void)awaited("data/hook");
        source.request_stop();
    });
    const auto changed =
        change(hook, patched, sh("echo $$ >$CUTOVER_DATA/hook; exec sleep 60"), source.get_token());
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().kind, Errc::cancelled);
    EXPECT_TRUE(ends(static_cast<pid_t>(std::stol(text("data/hook")))));
    ::kill(pids(1).front(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return status().restarts == 1 && status().state == "running"; }));
}

TEST_F(ServiceChangeTest, AStartAfterAStoppedStopWaitsForTheOldProcess) {
    auto slow = server("old");
    slow.spec.environment["LINGER"] = "600";
    auto options = kFast;
    options.stop_timeout = 60s;
    ASSERT_TRUE(start({slow}, options)) << text("log/web.log");
    const auto old = pids(1).front();
    std::stop_source source;
    const std::jthread stopper([&] {
        EXPECT_TRUE(eventually([&] { return supervisor->status().empty(); }));
        source.request_stop();
    });
    ASSERT_FALSE(change(stop, slow, {}, source.get_token()));
    EXPECT_TRUE(lives(old));
    const std::jthread killer([&] {
        EXPECT_TRUE(eventually([&] { return !supervisor->status().empty(); }));
        EXPECT_EQ(status().state, "starting");
        ::kill(old, SIGKILL);
    });
    const auto started = change(ServiceActionKind::start, server("new"));
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_FALSE(lives(old));
    EXPECT_EQ(request(port()), "new");
}

TEST_F(ServiceChangeTest, StoppingTheSupervisorEndsAChange) {
    ASSERT_TRUE(start({script(living())}));
    auto slow = script("touch $CUTOVER_DATA/begun; exec sleep 60");
    slow.spec.ready = ReadyWhen::notified;
    const std::jthread stopper([&] {
        EXPECT_TRUE(eventually([&] { return std::filesystem::exists(path("data/begun")); }));
        supervisor->stop();
    });
    const auto changed = change(restart_with_sockets, slow);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().kind, Errc::cancelled);
    EXPECT_FALSE(change(restart, slow)) << "nothing can be changed any more";
}

}  // namespace
}  // namespace cutover
