// What must be well before an operation changes anything, and what --force may skip.

#include "engine/checks.h"

#include <algorithm>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/simulated_device.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover {
namespace {

using testing::HasSubstr;

struct Case {
    std::string check;
    std::string error;
    std::string says;
    bool forceable = true;
    std::function<void(SimulatedDevice&)> arrange;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.check; }

class Refused : public testing::TestWithParam<Case> {
protected:
    Refused() { GetParam().arrange(device_); }
    SimulatedDevice device_;
};

TEST_P(Refused, BeforeAnythingIsChangedAndSaysWhy) {
    const auto marks = device_.marks();
    const auto standby = device_.slot(Slot::b);
    const auto operation = device_.operate(upgrade_to("1.1.0"));
    EXPECT_EQ(operation.state, OperationState::refused);
    EXPECT_EQ(operation.error->id, GetParam().error);
    EXPECT_THAT(operation.error->text(), HasSubstr(GetParam().says));
    EXPECT_FALSE(operation.error->remedy.empty());
    EXPECT_EQ(device_.marks(), marks);
    EXPECT_EQ(device_.slot(Slot::b), standby);
    const auto found = std::ranges::find(operation.checks, GetParam().check, &CheckResult::name);
    ASSERT_NE(found, operation.checks.end());
    EXPECT_EQ(found->verdict, CheckVerdict::refused);
    EXPECT_GT(operation.checks.size(), 5U) << "all are asked, even if one refuses";
}

TEST_P(Refused, APreviewSaysTheSame) {
    const auto preview = device_.engine().preview(upgrade_to("1.1.0"));
    ASSERT_TRUE(preview);
    ASSERT_TRUE(preview->error);
    EXPECT_EQ(preview->error->id, GetParam().error);
}

TEST_P(Refused, IsSkippedByForceWhereThatIsAllowed) {
    auto request = upgrade_to("1.1.0");
    request.force = {GetParam().check};
    const auto operation = device_.operate(request);
    if (!GetParam().forceable) {
        EXPECT_EQ(operation.error->id, "check.unknown_force");
        return;
    }
    EXPECT_EQ(operation.state, OperationState::done) << operation.error->text();
    const auto found = std::ranges::find(operation.checks, GetParam().check, &CheckResult::name);
    ASSERT_NE(found, operation.checks.end());
    EXPECT_EQ(found->verdict, CheckVerdict::skipped);
}

std::vector<Case> cases() {
    return {
        {.check = "space",
         .error = "check.space",
         .says = "are missing",
         .forceable = false,
         .arrange = [](SimulatedDevice& device) { device.slots.available_bytes = 1000; }},
        {.check = "hardware",
         .error = "check.hardware",
         .says = "for x7, x8, the device is emulated",
         .arrange =
             [](SimulatedDevice& device) {
                 device.package("1.1.0").manifest.compatible.hardware = {"x7", "x8"};
             }},
        {.check = "architecture",
         .error = "check.architecture",
         .says = "for arm64, the device is amd64",
         .arrange =
             [](SimulatedDevice& device) {
                 device.package("1.1.0").manifest.compatible.architecture = {"arm64"};
             }},
        {.check = "direct-upgrade",
         .error = "check.direct_upgrade",
         .says = "installed over >=2.0, the device runs 1.0.0; upgrade to a version that is >=2.0",
         .arrange =
             [](SimulatedDevice& device) {
                 device.package("1.1.0").manifest.compatible.from = range(">=2.0");
             }},
        {.check = "epoch",
         .error = "check.epoch",
         .says = "the package's is 0, the device's is 4",
         .forceable = false,
         .arrange =
             [](SimulatedDevice& device) {
                 ASSERT_TRUE(device.store().transact([&] { return device.store().set_epoch(4); }));
             }},
        {.check = "health",
         .error = "check.health",
         .says = "\"web answers\"",
         .arrange = [](SimulatedDevice& device) { device.host.sick = {"1.0.0"}; }},
        {.check = "programs",
         .error = "check.programs",
         .says = "no-such-program",
         .arrange =
             [](SimulatedDevice& device) {
                 device.package("1.1.0").manifest.programs = {"sh", "no-such-program"};
             }},
        {.check = "pending-reboot",
         .error = "check.pending_reboot",
         .says = "starts generation 2, generation 1 runs",
         .arrange =
             [](SimulatedDevice& device) {
                 auto request = upgrade_to("1.2.0");
                 request.mode = Mode::next_startup;
                 (void)device.operate(request);
             }},
    };
}

INSTANTIATE_TEST_SUITE_P(Checks, Refused, testing::ValuesIn(cases()), [](const auto& one) {
    auto name = one.param.check;
    std::erase(name, '-');
    return name;
});

TEST(Checks, ServicesThatAreDownAreNotHealthy) {
    SimulatedDevice device;
    device.services.services = {{.name = "web", .state = "failed", .detail = "exit 1"}};
    EXPECT_THAT(device.operate(upgrade_to("1.1.0")).error->text(),
                HasSubstr("web is failed: exit 1"));
}

TEST(Checks, ADirectUpgradeThatIsRefusedNamesTheWayThatTheDeviceKnows) {
    SimulatedDevice device;
    device.package("1.2.0").manifest.compatible.from = range(">=1.1");
    (void)device.operate(install_of("1.1.0"));  // so the device knows its manifest
    const auto operation = device.operate(upgrade_to("1.2.0"));
    EXPECT_THAT(operation.error->text(), HasSubstr("go by way of 1.1.0, then 1.2.0"));
}

TEST(Checks, ADowngradeIsAWarning) {
    SimulatedDevice device;
    device.offer(base_package("0.9.0"));
    const auto operation = device.operate(upgrade_to("0.9.0"));
    EXPECT_EQ(operation.state, OperationState::done);
    const auto found = std::ranges::find(operation.checks, "downgrade", &CheckResult::name);
    EXPECT_EQ(found->verdict, CheckVerdict::warning);
    EXPECT_EQ(found->detail, "nos from 1.0.0 to 0.9.0");
}

TEST(Checks, TheSameBaseOnceMoreIsAWarning) {
    SimulatedDevice device;
    device.offer(base_package("1.0.0"));
    const auto operation = device.operate(upgrade_to("1.0.0"));
    EXPECT_EQ(operation.state, OperationState::done);
    const auto found = std::ranges::find(operation.checks, "downgrade", &CheckResult::name);
    EXPECT_EQ(found->verdict, CheckVerdict::warning);
    EXPECT_EQ(found->detail, "nos 1.0.0 is what runs");
}

TEST(Force, OfACheckThatDoesNotExistIsRefused) {
    SimulatedDevice device;
    auto request = upgrade_to("1.1.0");
    request.force = {"gravity"};
    const auto operation = device.operate(request);
    EXPECT_EQ(operation.state, OperationState::refused);
    EXPECT_EQ(operation.error->id, "check.unknown_force");
    EXPECT_THAT(operation.error->message, HasSubstr("\"gravity\""));
}

TEST(Force, OfACheckThatThePolicyProtectsIsRefused) {
    SimulatedDevice device({.unforceable = {"health"}});
    auto request = upgrade_to("1.1.0");
    request.force = {"health"};
    const auto operation = device.operate(request);
    EXPECT_EQ(operation.error->id, "check.unknown_force");
    EXPECT_THAT(operation.error->message, HasSubstr("policy"));
}

TEST(PlanHash, ThatWasPreviewedIsTheOneThatRuns) {
    SimulatedDevice device;
    auto request = upgrade_to("1.1.0");
    const auto preview = device.engine().preview(request).value();
    EXPECT_EQ(preview.plan_hash.size(), 8U);
    request.plan_hash = "00000000";
    EXPECT_EQ(device.operate(request).error->id, "operation.plan_changed");
    request.plan_hash = preview.plan_hash;
    const auto operation = device.operate(request);
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(operation.plan_hash, preview.plan_hash);
}

TEST(PlanHash, IsAnotherWhenAScriptOrThePackageIs) {
    SimulatedDevice device;
    const auto hash = [&] { return device.engine().preview(upgrade_to("1.1.0"))->plan_hash; };
    const auto first = hash();
    EXPECT_EQ(hash(), first) << "time alone changes nothing";
    device.add_script("stages/prep/10-look", "exit 0\n");
    const auto second = hash();
    EXPECT_NE(second, first);
    device.add_script("stages/prep/10-look", "exit 1\n");
    const auto third = hash();
    EXPECT_NE(third, second);
    device.package("1.1.0").manifest.summary = "another";
    EXPECT_NE(hash(), third);
}

TEST(RequirePreview, WantsAPreviewOfTheSamePlan) {
    SimulatedDevice device({.require_preview = true});
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).error->id, "operation.needs_preview");
    ASSERT_TRUE(device.engine().preview(upgrade_to("1.2.0")));
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).error->id, "operation.needs_preview");
    ASSERT_TRUE(device.engine().preview(upgrade_to("1.1.0")));
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
    EXPECT_EQ(device.operate(request_of(OperationKind::reboot)).state, OperationState::done)
        << "what changes no software needs none";
}

TEST(RequirePreview, IsNotSatisfiedByAPreviewThatWasRefused) {
    SimulatedDevice device({.require_preview = true});
    device.host.sick = {"1.0.0"};
    ASSERT_TRUE(device.engine().preview(upgrade_to("1.1.0"))->error);
    device.host.sick.clear();
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).error->id, "operation.needs_preview");
}

TEST(Space, OfASlotThatIsAPartitionIsAllForTheBase) {
    SimulatedDevice device;
    device.slots.available_bytes = device.package("1.1.0").manifest.payload.installed_bytes;
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).error->id, "check.space");
    device.slots.shared = false;
    EXPECT_EQ(device.operate(upgrade_to("1.1.0")).state, OperationState::done);
}

TEST(Request, OfTwoBasesOrOfNothingIsRefused) {
    SimulatedDevice device;
    auto request = upgrade_to("1.1.0");
    request.sources.push_back(file_of("1.2.0"));
    EXPECT_EQ(device.operate(request).error->id, "plan.one_base");
    request.sources.clear();
    EXPECT_EQ(device.operate(request).error->id, "plan.no_packages");
}

}  // namespace
}  // namespace cutover
