#include "engine/health.h"

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/simulated_device.h"
#include "model/manifest.h"
#include "model/slot.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct DemandHealth : testing::Test {
    Result<std::vector<HealthStatus>> demand(std::chrono::milliseconds deadline = 5min) {
        const auto ports = device.ports();
        return demand_health(
            ports, deadline, [this](const std::string& line) { report.push_back(line); },
            stop.get_token());
    }
    SimulatedDevice device;
    std::vector<std::string> report;
    std::stop_source stop;
};

TEST_F(DemandHealth, AsksUntilEachCheckPasses) {
    device.host.failing_probes = 4;
    const auto round = demand();
    ASSERT_TRUE(round);
    ASSERT_EQ(round->size(), 2U) << "the services, and the package's check";
    EXPECT_EQ(device.host.probes, 5);
    ASSERT_EQ(report.size(), 2U);
    EXPECT_EQ(report.back(),
              "check \"web answers\" from package nos 1.0.0: GET http://127.0.0.1:8080/ answers "
              "200");
}

TEST_F(DemandHealth, GivesUpAfterTheRetriesAndSaysHowManyTheyWere) {
    device.host.sick = {"1.0.0"};
    const auto round = demand();
    ASSERT_FALSE(round);
    EXPECT_EQ(device.host.probes, 10);
    EXPECT_EQ(round.error().id, "trial.check_failed");
    EXPECT_THAT(round.error().message, HasSubstr("\"web answers\" from package nos 1.0.0: "));
    EXPECT_EQ(round.error().cause, "10 of 10 tries in 4.5 s");
}

TEST_F(DemandHealth, GivesUpAtTheDeadline) {
    device.host.sick = {"1.0.0"};
    const auto round = demand(1200ms);
    ASSERT_FALSE(round);
    EXPECT_EQ(device.host.probes, 3);
    EXPECT_EQ(round.error().cause, "3 of 10 tries in 1.0 s, then the deadline passed");
}

TEST_F(DemandHealth, AsksAgainWhenTheBaseHasSettled) {
    device.config.settle = 30s;
    device.clock.on_sleep = [&] { device.host.sick = {"1.0.0"}; };
    const auto round = demand();
    ASSERT_FALSE(round) << "it passed at first";
    EXPECT_EQ(round.error().message, "after 30.0 s to settle");
}

TEST_F(DemandHealth, WaitsForServicesThatAreStillStarting) {
    device.services.services = {{.name = "web", .state = "starting"}};
    device.clock.on_sleep = [&] { device.services.services.front().state = "running"; };
    EXPECT_TRUE(demand());
}

TEST_F(DemandHealth, CountsAServiceThatHasDoneItsWorkAsUp) {
    device.services.services = {{.name = "once", .state = "ended"}};
    EXPECT_TRUE(demand());
}

TEST_F(DemandHealth, EndsWhenItIsStopped) {
    device.host.sick = {"1.0.0"};
    device.clock.on_sleep = [&] { stop.request_stop(); };
    const auto round = demand();
    ASSERT_FALSE(round);
    EXPECT_EQ(round.error().id, "operation.cancelled");
}

TEST_F(DemandHealth, AsksTheDevicesOwnChecksToo) {
    device.config.health = {{.name = "uplink", .tcp = "192.0.2.1:22"}};
    const auto round = demand();
    ASSERT_TRUE(round);
    EXPECT_EQ(round->at(1).name, "uplink");
    EXPECT_EQ(round->at(1).from, "device.toml");
}

TEST(LookAtHealth, ThatCannotBeReadIsNotWell) {
    SimulatedDevice device;
    device.slots.unreadable = Slot::a;
    const auto ports = device.ports();
    const auto round = look_at_health(ports, {});
    EXPECT_FALSE(round.back().healthy);
    EXPECT_THAT(round.back().detail, HasSubstr("slot A cannot be read"));
}

}  // namespace
}  // namespace cutover
