// Packages whose hardware is not there, comes, and goes.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/digest.h"
#include "engine/health.h"
#include "engine/simulated_device.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/service_change.h"

namespace cutover {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr auto kFile = "/packages/line-card-1.0";

class Hardware : public testing::Test {
protected:
    Hardware() {
        SimulatedPackage package;
        auto& manifest = package.manifest;
        manifest.kind = PackageKind::hardware;
        manifest.name = "line-card";
        manifest.version = version("1.0");
        manifest.created = "2014-06-01T00:00:00Z";
        manifest.supports = {"card-10g"};
        manifest.services = {{.name = "cardd", .command = {"bin/cardd"}}};
        manifest.health = {{.name = "card answers", .http = "http://127.0.0.1:8081/"}};
        manifest.payload = {.type = PayloadType::tree,
                            .content_bytes = 1000,
                            .installed_bytes = 1000,
                            .chunk_count = 1};
        manifest.members = {
            {.name = "chunks.idx", .size_bytes = 100, .sha256 = to_hex(sha256("chunks"))},
            {.name = "payload", .size_bytes = 1000, .sha256 = to_hex(sha256("payload"))}};
        device.packages.packages.insert_or_assign(kFile, package);
    }

    Operation install() {
        return device.operate(
            {.kind = OperationKind::install, .sources = {kFile}, .asked_by = "test@local"});
    }
    bool look() {
        const auto changed = device.engine().look_at_hardware();
        EXPECT_TRUE(changed) << changed.error().text();
        return changed.value_or(false);
    }
    void plug_in() { device.host.cards = {"card-10g"}; }
    void pull_out() { device.host.cards.clear(); }
    std::vector<std::string> services() {
        std::vector<std::string> names;
        for (const auto& service : device.services.services) names.push_back(service.name);
        return names;
    }
    std::vector<std::string> checks() {
        device.engine().look_at_health();
        std::vector<std::string> names;
        for (const auto& status : device.engine().health()) names.push_back(status.name);
        return names;
    }
    std::vector<std::string> events(std::string_view type) {
        std::vector<std::string> texts;
        for (const auto& event : device.events)
            if (event.type == type) texts.push_back(event.text);
        return texts;
    }

    SimulatedDevice device;
};

TEST_F(Hardware, APackageForAnAbsentCardIsInstalledAndStartsNothing) {
    const auto done = install();
    ASSERT_EQ(done.state, OperationState::done) << done.error->text();
    EXPECT_EQ(device.generation(device.marks().committed).packages.size(), 1U);
    EXPECT_THAT(device.services.actions_done, IsEmpty());
    EXPECT_THAT(checks(), Not(Contains("card answers")));
}

TEST_F(Hardware, ACardThatComesStartsItsServicesAndOneThatGoesStopsThem) {
    install();
    plug_in();
    EXPECT_TRUE(look());
    EXPECT_THAT(services(), ElementsAre("web", "cardd"));
    EXPECT_THAT(checks(), Contains("card answers"));
    EXPECT_THAT(events("hardware.appeared"), ElementsAre("card-10g"));
    EXPECT_FALSE(look()) << "nothing has changed since";
    pull_out();
    EXPECT_TRUE(look());
    EXPECT_THAT(services(), ElementsAre("web"));
    EXPECT_THAT(checks(), Not(Contains("card answers")));
    EXPECT_THAT(events("hardware.left"), ElementsAre("card-10g"));
    EXPECT_EQ(device.last_operation().title, "install hardware line-card 1.0") << "no operation";
}

TEST_F(Hardware, APackageForACardThatIsThereStartsAtOnce) {
    plug_in();
    look();
    EXPECT_EQ(install().state, OperationState::done);
    EXPECT_THAT(services(), ElementsAre("web", "cardd"));
}

TEST_F(Hardware, ASilentBusTakesNothingAway) {
    plug_in();
    look();
    install();
    device.host.presence_broken = true;
    EXPECT_FALSE(look());
    EXPECT_THAT(services(), ElementsAre("web", "cardd"));
    device.restart_agent();
    EXPECT_FALSE(look());
    EXPECT_THAT(services(), ElementsAre("web", "cardd"));
}

TEST_F(Hardware, ACardThatGoesWhileNoAgentRunsIsSeenByTheNextOne) {
    plug_in();
    look();
    install();
    pull_out();
    device.restart_agent();
    EXPECT_TRUE(look());
    EXPECT_THAT(services(), ElementsAre("web"));
    plug_in();
    device.restart_agent();
    EXPECT_TRUE(look());
    EXPECT_THAT(services(), ElementsAre("web", "cardd"));
}

TEST_F(Hardware, ServicesThatDoNotStartRaiseAnAlarmUntilTheyDo) {
    install();
    device.services.failing = {"cardd"};
    plug_in();
    EXPECT_TRUE(look());
    EXPECT_THAT(device.alarms(), ElementsAre("hardware-services"));
    EXPECT_FALSE(look()) << "it is not tried again and again";
    device.services.failing.clear();
    pull_out();
    look();
    plug_in();
    EXPECT_TRUE(look());
    EXPECT_THAT(device.alarms(), IsEmpty());
    EXPECT_THAT(services(), ElementsAre("web", "cardd"));
}

TEST_F(Hardware, ACardThatComesDuringATrialIsSeen) {
    device.when_event = [this](const Event& event) {
        if (event.type == "trial.awaits_commit") plug_in();
        if (event.type == "hardware.appeared") device.engine().commit(event.operation);
    };
    const auto done = device.operate({.kind = OperationKind::install,
                                      .sources = {kFile},
                                      .trial = std::chrono::minutes(5),
                                      .asked_by = "test@local"});
    EXPECT_EQ(done.state, OperationState::done) << done.error->text();
    EXPECT_THAT(services(), ElementsAre("web", "cardd"));
}

}  // namespace
}  // namespace cutover
