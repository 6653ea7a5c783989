#include "backends/systemd/systemd_services.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/systemd/bus.h"
#include "backends/systemd/fake_systemd.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "model/device.h"

namespace cutover {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

struct SystemdServicesTest : testing::Test {
    void SetUp() override {
        if (systemd.address().empty()) GTEST_SKIP() << "no dbus-daemon";
    }
    std::vector<ServiceStatus> status(const std::vector<std::string>& services,
                                      const std::vector<std::string>& tolerated = {}) const {
        return SystemdServices(
                   {.services = services, .tolerated = tolerated, .bus = systemd.address()})
            .status();
    }
    FakeSystemd systemd;
};

TEST_F(SystemdServicesTest, AServiceIsItsUnitAndTheLastRowIsTheSystem) {
    systemd.set_unit("web.service", {.restarts = 2});
    EXPECT_EQ(status({"web"}), (std::vector<ServiceStatus>{
                                   {.name = "web", .state = "running", .restarts = 2},
                                   {.name = "system", .state = "running", .detail = "running"}}));
}

TEST_F(SystemdServicesTest, EachStateOfAUnitHasItsWord) {
    struct Case {
        FakeUnit unit;
        std::string state;
        std::string detail;
    };
    for (const auto& [unit, state, detail] : std::vector<Case>{
             {{.active = "active", .sub = "exited"}, "ended", ""},
             {{.active = "reloading", .sub = "reload"}, "running", ""},
             {{.active = "activating", .sub = "start-pre"}, "starting", "activating (start-pre)"},
             {{.active = "activating", .sub = "auto-restart", .result = "exit-code"},
              "starting",
              "activating (auto-restart): exit-code"},
             {{.active = "inactive", .sub = "dead"}, "stopped", "inactive (dead)"},
             {{.active = "deactivating", .sub = "stop"}, "stopped", "deactivating (stop)"},
             {{.active = "failed", .sub = "failed", .result = "signal"},
              "failed",
              "failed (failed): signal"},
             {{.load = "not-found", .active = "inactive"}, "failed", "web.service: not-found"},
             {{.load = "masked", .active = "inactive"}, "failed", "web.service: masked"}}) {
        systemd.set_unit("web.service", unit);
        const auto rows = status({"web"});
        EXPECT_EQ(rows.front().state, state);
        EXPECT_EQ(rows.front().detail, detail);
    }
}

TEST_F(SystemdServicesTest, AServiceWithoutAUnitHasFailed) {
    EXPECT_EQ(status({"web"}).front().state, "failed");
}

TEST_F(SystemdServicesTest, ASystemWithFailedUnitsNamesThem) {
    systemd.set_system_state("degraded");
    systemd.set_unit("b.service", {.active = "failed"});
    systemd.set_unit("a.mount", {.active = "failed"});
    systemd.set_unit("c.service", {});
    EXPECT_EQ(status({}).back(),
              (ServiceStatus{
                  .name = "system", .state = "failed", .detail = "failed: a.mount, b.service"}));
    EXPECT_EQ(status({}, {"b.service"}).back().detail, "failed: a.mount");
    EXPECT_EQ(status({}, {"b.service", "a.mount"}).back().state, "running");
}

TEST_F(SystemdServicesTest, ASystemThatStillStartsIsNoFailure) {
    systemd.set_unit("a.service", {.active = "failed"});
    for (const auto* const state : {"initializing", "starting"}) {
        systemd.set_system_state(state);
        EXPECT_EQ(status({}).back().state, "starting");
    }
    for (const auto* const state : {"maintenance", "stopping", "offline"}) {
        systemd.set_system_state(state);
        EXPECT_EQ(status({}).back().state, "failed");
    }
}

TEST_F(SystemdServicesTest, WhenSystemdSaysNothingEverythingHasFailedSoon) {
    systemd.set_silent(true);
    const auto begun = std::chrono::steady_clock::now();
    const auto rows = status({"web", "bgp"});
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s) << "3 s are given";
    ASSERT_EQ(rows.size(), 3U);
    for (const auto& row : rows) EXPECT_EQ(row.state, "failed");
    EXPECT_THAT(rows.front().detail, HasSubstr("ListUnitsByNames"));
}

TEST_F(SystemdServicesTest, ARestartIsAskedOfLogind) {
    EXPECT_TRUE(ask_for_restart(systemd.address()));
    EXPECT_EQ(systemd.asked(), std::vector<std::string>{"logind"});
}

TEST(SystemdRestart, IsAskedOfSystemdWhereThereIsNoLogind) {
    const FakeSystemd systemd(FakeSystemd::Logind::absent);
    if (systemd.address().empty()) GTEST_SKIP() << "no dbus-daemon";
    EXPECT_TRUE(ask_for_restart(systemd.address()));
    EXPECT_EQ(systemd.asked(),
              std::vector<std::string>{"StartUnit reboot.target replace-irreversibly"});
}

TEST(SystemdBus, ThatIsNotThereIsAnErrorAtOnce) {
    const auto bus = Bus::open("unix:path=/nonexistent/socket", 1h);
    ASSERT_FALSE(bus);
    EXPECT_EQ(bus.error().id, "systemd.silent");
    EXPECT_FALSE(ask_for_restart("unix:path=/nonexistent/socket"));
}

// The kernel accepts connections for a daemon that hangs.
TEST(SystemdBus, ThatTakesAConnectionAndSaysNothingIsGivenUp) {
    const auto folder = TempFolder::create("/tmp", "mute").value();
    const auto path = (folder.path() / "socket").string();
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) FAIL() << "no socket";
    const UniqueFd socket(fd);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd, 5), 0);
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_FALSE(Bus::open("unix:path=" + path, 300ms));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
}

}  // namespace
}  // namespace cutover
