// Upgrades on a device whose slots are versioned folders: their steps, and a start that takes long.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/simulated_device.h"
#include "model/device_config.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

DeviceConfig versioned() { return {.slots_backend = "tree"}; }

std::vector<std::string> steps_of(SimulatedDevice& device, const Request& request) {
    std::vector<std::string> names;
    const auto preview = device.engine().preview(request).value();
    for (const auto& step : preview.steps) names.push_back(step.name);
    return names;
}

TEST(SingleInstance, ThePreviewNamesTheStepsInTheirOrder) {
    SimulatedDevice device(versioned());
    device.package("1.1.0").manifest.persist = {"etc/nos.conf"};
    EXPECT_THAT(steps_of(device, upgrade_to("1.1.0")),
                ElementsAre("capture evidence", "create backup", "install beside",
                            "capture evidence", "carry persistent files", "record generation",
                            "start slot B next", "compact database", "stop, switch, start",
                            "verify", "capture evidence", "commit"));
}

TEST(SingleInstance, AnUpgradeMakesABackupAndCompactsTheDatabase) {
    SimulatedDevice device(versioned());
    const auto operation = device.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::done) << operation.error->text();
    EXPECT_THAT(operation.warnings, IsEmpty());
    EXPECT_EQ(device.running(), "1.1.0");
    std::vector<std::string> types;
    for (const auto& event : device.events) types.push_back(event.type);
    EXPECT_THAT(types, Contains("backup.created"));
}

TEST(SingleInstance, OtherDevicesAndTheWayBackCompactNothing) {
    SimulatedDevice other;
    EXPECT_THAT(steps_of(other, upgrade_to("1.1.0")), Not(Contains("compact database")));
    SimulatedDevice device(versioned());
    EXPECT_THAT(steps_of(device, install_of("1.1.0")), Not(Contains("compact database")));
    (void)device.operate(upgrade_to("1.1.0"));
    const auto back = steps_of(device, request_of(OperationKind::rollback));
    EXPECT_THAT(back, Contains("stop, switch, start"));
    EXPECT_THAT(back, Not(Contains("compact database")));
}

TEST(SlowStart, IsShownAndIsNotCutShortByTheTrialsDeadline) {
    SimulatedDevice device({.trial_deadline = 1s, .slots_backend = "tree"});
    std::vector<std::string> seen;
    device.when_progress = [&](const Progress& progress) {
        if (progress.stage == Stage::postexecute) seen.push_back(progress.step);
    };
    device.begin(upgrade_to("1.1.0"));
    device.services.polls_until_started = 100;  // of half a second
    device.follow();
    const auto operation = device.last_operation();
    EXPECT_EQ(operation.state, OperationState::done) << operation.error->text();
    EXPECT_THAT(seen, Contains(HasSubstr("web is starting: 5 s of at most 10 min")));
    EXPECT_GE(operation.interruption, 9s + 45s) << "services were away for so long";
    const auto told = std::ranges::count(device.events, "services.starting", &Event::type);
    EXPECT_EQ(told, 1);
}

TEST(SlowStart, IsNotChargedToTheOperationsDeadline) {
    SimulatedDevice device({.operation_timeout = 20s, .slots_backend = "tree"});
    device.begin(upgrade_to("1.1.0"));
    device.services.polls_until_started = 100;
    device.follow();
    EXPECT_EQ(device.last_operation().state, OperationState::done);
}

TEST(SlowStart, ThatEndsInAFailureFallsBackWithTheServicesWords) {
    SimulatedDevice device(versioned());
    device.begin(upgrade_to("1.1.0"));
    device.services.polls_until_started = 4;
    const auto healthy = device.services.services;
    device.when_progress = [&](const Progress& progress) {
        if (progress.step.starts_with("web is starting"))
            device.services.services = {
                {.name = "web", .state = "failed", .detail = "it was not ready within 3.0 s"}};
    };
    device.when_event = [&](const Event& event) {
        if (event.type == "operation.undoing") device.services.services = healthy;
    };
    device.follow();
    const auto operation = device.last_operation();
    EXPECT_EQ(operation.state, OperationState::failed);
    EXPECT_EQ(device.running(), "1.0.0");
    EXPECT_THAT(operation.error->text(), HasSubstr("it was not ready within 3.0 s"));
}

TEST(SlowStart, CanBeGivenUp) {
    SimulatedDevice device(versioned());
    const auto id = device.begin(upgrade_to("1.1.0"));
    device.services.polls_until_started = 1000;
    device.when_progress = [&](const Progress& progress) {
        if (progress.step.starts_with("web is starting")) (void)device.engine().cancel(id);
    };
    device.follow();
    EXPECT_EQ(device.operation(id).state, OperationState::cancelled);
    EXPECT_EQ(device.running(), "1.0.0");
}

}  // namespace
}  // namespace cutover
