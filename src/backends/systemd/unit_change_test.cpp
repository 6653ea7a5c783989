#include <csignal>
#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/systemd/fake_systemd.h"
#include "backends/systemd/systemd_services.h"
#include "backends/systemd/unit_jobs.h"
#include "base/error.h"
#include "base/files.h"
#include "model/device.h"
#include "model/manifest.h"
#include "model/service_change.h"

namespace cutover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

struct UnitChangeTest : testing::Test {
    void SetUp() override {
        if (systemd.address().empty()) GTEST_SKIP() << "no dbus-daemon";
    }
    Result<> change(ServiceActionKind kind, std::vector<std::string> command = {},
                    std::stop_token stop = {}) {
        return services.change(
            {{.kind = kind, .service = web, .command = std::move(command), .because = "web 2"}},
            std::move(stop));
    }
    std::string text(const std::string& name) const {
        return read_file(folder.path() / name, 1000).value_or("");
    }

    FakeSystemd systemd;
    TempFolder folder = TempFolder::create(testing::TempDir(), "units").value();
    PlannedService web{.spec = {.name = "web"}, .owner = "web 2", .after_start = {}};
    SystemdServices services{{.services = {},
                              .tolerated = {},
                              .bus = systemd.address(),
                              .root = folder.path(),
                              .environment = {{"PLACE", "here"}},
                              .grace = 20ms}};
};

TEST_F(UnitChangeTest, AServiceIsStartedFromTheUnitFilesOfNow) {
    systemd.set_unit("web.service", {.active = "inactive"});
    const auto changed = change(ServiceActionKind::start);
    ASSERT_TRUE(changed) << changed.error().text();
    EXPECT_THAT(systemd.asked(), ElementsAre("daemon-reload", "StartUnit web.service replace"));
    EXPECT_EQ(services.status().front(), (ServiceStatus{.name = "web", .state = "running"}));
}

TEST_F(UnitChangeTest, AStoppedServiceHasNoRow) {
    systemd.set_unit("web.service", {});
    ASSERT_TRUE(change(ServiceActionKind::start));
    ASSERT_EQ(services.status().size(), 2U);
    ASSERT_TRUE(change(ServiceActionKind::stop));
    EXPECT_EQ(systemd.asked().back(), "StopUnit web.service replace");
    EXPECT_EQ(services.status().size(), 1U);
}

TEST_F(UnitChangeTest, WhatIsAbsentIsStopped) {
    EXPECT_TRUE(change(ServiceActionKind::stop));
    EXPECT_THAT(systemd.asked(), ElementsAre("daemon-reload"));
}

TEST_F(UnitChangeTest, BothRestartsAreSystemds) {
    systemd.set_unit("web.service", {});
    ASSERT_TRUE(change(ServiceActionKind::restart));
    EXPECT_EQ(systemd.asked().back(), "RestartUnit web.service replace");
    ASSERT_TRUE(change(ServiceActionKind::restart_with_sockets));
    EXPECT_EQ(systemd.asked().size(), 4U);
    EXPECT_EQ(systemd.asked().back(), "RestartUnit web.service replace");
}

TEST_F(UnitChangeTest, AJobThatFailsIsToldWithTheUnitsState) {
    systemd.set_unit("web.service",
                     {.sub = "failed", .result = "exit-code", .exit_status = 7, .job = "failed"});
    const auto changed = change(ServiceActionKind::restart);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().id, "service.change_failed");
    EXPECT_THAT(changed.error().message, HasSubstr("restart service web: failed"));
    EXPECT_THAT(changed.error().message, HasSubstr("exit-code"));
    EXPECT_THAT(changed.error().message, HasSubstr("7"));
}

TEST_F(UnitChangeTest, AServiceThatEndsRightAfterItsStartHasFailed) {
    systemd.set_unit("web.service", {.load = "masked"});
    EXPECT_THAT(change(ServiceActionKind::start).error().message, HasSubstr("masked"));
}

TEST_F(UnitChangeTest, AUnitThatCanReloadIsReloaded) {
    systemd.set_unit("web.service", {.can_reload = true});
    ASSERT_TRUE(change(ServiceActionKind::reload));
    EXPECT_THAT(systemd.asked(), ElementsAre("ReloadUnit web.service replace"));
}

TEST_F(UnitChangeTest, AnotherOneIsSentItsSignal) {
    systemd.set_unit("web.service", {.main_pid = 7});
    web.spec.reload_signal = "USR1";
    ASSERT_TRUE(change(ServiceActionKind::reload));
    EXPECT_THAT(systemd.asked(),
                ElementsAre("KillUnit web.service main " + std::to_string(SIGUSR1)));
    systemd.set_unit("web.service", {.active = "failed", .sub = "failed", .result = "signal"});
    EXPECT_THAT(change(ServiceActionKind::reload).error().message, HasSubstr("signal"));
}

TEST_F(UnitChangeTest, HooksGetTheMainProcess) {
    systemd.set_unit("web.service", {.main_pid = 4711});
    std::filesystem::copy_file("/bin/busybox", folder.path() / "busybox");
    const auto changed =
        change(ServiceActionKind::hook,
               {"busybox", "sh", "-c", "echo $CUTOVER_SERVICE $CUTOVER_SERVICE_PID $PLACE >said"});
    ASSERT_TRUE(changed) << changed.error().text();
    EXPECT_EQ(text("said"), "web 4711 here\n");
    const auto failed =
        change(ServiceActionKind::hook, {"busybox", "sh", "-c", "echo one; echo two; exit 3"});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().id, "service.change_failed");
    EXPECT_THAT(failed.error().message, HasSubstr("exit code 3, saying: one; two"));
    EXPECT_THAT(systemd.asked(), ElementsAre()) << "nothing is started for that";
}

TEST_F(UnitChangeTest, AStopEndsItsSocketsToo) {
    systemd.set_unit("web.service", {});
    systemd.set_unit("web.socket", {});
    web.spec.listen = {"tcp:8080"};
    ASSERT_TRUE(change(ServiceActionKind::stop));
    EXPECT_EQ(systemd.asked().back(), "StopUnit web.socket replace");
}

TEST_F(UnitChangeTest, AOneshotIsRunToItsEnd) {
    systemd.set_unit("work.service", {});
    EXPECT_TRUE(run_unit(systemd.address(), "work.service", 5s));
    systemd.set_unit("work.service", {.job = "failed"});
    const auto run = run_unit(systemd.address(), "work.service", 5s);
    ASSERT_FALSE(run);
    EXPECT_THAT(run.error().message, HasSubstr("work.service: failed"));
}

TEST_F(UnitChangeTest, WaitingForAJobCanBeStopped) {
    systemd.set_unit("web.service", {.job = ""});
    std::stop_source source;
    const std::jthread stopper([&] {
        while (systemd.asked().size() < 2) std::this_thread::yield();
        source.request_stop();
    });
    const auto changed = change(ServiceActionKind::start, {}, source.get_token());
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().kind, Errc::cancelled);
}

}  // namespace
}  // namespace cutover
