#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/simulated_device.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover {
namespace {

using testing::HasSubstr;

TEST(Repair, EmptiesASlotThatLostItsContentAndNobodyGoesThere) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    device.slots.held.erase(Slot::a);
    const auto operation = device.operate(request_of(OperationKind::repair));
    EXPECT_EQ(operation.state, OperationState::done);
    EXPECT_EQ(device.slot(Slot::a).state, SlotState::empty);
    EXPECT_FALSE(device.generation(1).kept);
    const auto rollback = device.operate(request_of(OperationKind::rollback));
    EXPECT_EQ(rollback.error->id, "plan.generation_unknown");
    EXPECT_EQ(device.operate(upgrade_to("1.2.0")).state, OperationState::done);
}

TEST(Repair, IsMadeAtEachStartToo) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    device.slots.held.insert_or_assign(Slot::a, base_package("0.9.0").manifest);
    device.power_cycle();
    EXPECT_EQ(device.slot(Slot::a).state, SlotState::empty);
    EXPECT_FALSE(device.slots.held.contains(Slot::a)) << "it held something nobody put there";
}

TEST(Repair, LeavesASlotAloneThatCannotBeReadNow) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    device.slots.unreadable = Slot::a;
    (void)device.operate(request_of(OperationKind::repair));
    device.slots.unreadable.reset();
    EXPECT_EQ(device.slot(Slot::a).state, SlotState::installed);
    EXPECT_EQ(device.operate(request_of(OperationKind::rollback)).state, OperationState::done);
}

TEST(Repair, NeverErasesTheSlotThatFallbacksEndIn) {
    SimulatedDevice device;
    auto request = upgrade_to("1.1.0");
    request.mode = Mode::next_startup;
    (void)device.operate(request);
    device.slots.held.erase(Slot::a);  // as far as it can be told
    device.reboot_once();              // and now slot B is on trial
    EXPECT_EQ(device.slots.erased, 2) << "when each slot was first written";
}

TEST(Repair, FollowsABootLoaderThatWasSwitchedByHand) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    ASSERT_TRUE(device.boot.confirm(Slot::a));
    device.power_cycle();
    EXPECT_EQ(device.running(), "1.0.0");
    EXPECT_EQ(device.marks(), (Marks{.running = 1, .startup = 1, .committed = 1}));
    const auto operations = device.store().last_operation().value();
    device.power_cycle();
    EXPECT_EQ(device.store().last_operation().value(), operations) << "it has come to rest";
    EXPECT_EQ(device.operate(upgrade_to("1.2.0")).state, OperationState::done);
}

TEST(Repair, OfAHealthyDeviceChangesNothing) {
    SimulatedDevice device;
    (void)device.operate(upgrade_to("1.1.0"));
    const auto before = device.boot.status().value();
    const auto operation = device.operate(request_of(OperationKind::repair));
    EXPECT_THAT(operation.stages.at(4).detail, HasSubstr("agree"));
    EXPECT_EQ(device.boot.status()->committed, before.committed);
    EXPECT_EQ(device.marks(), (Marks{.running = 2, .startup = 2, .committed = 2}));
}

}  // namespace
}  // namespace cutover
