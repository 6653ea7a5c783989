// The simulated parts keep the promises that real ones have to keep.

#include "engine/simulated_parts.h"

#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/simulated_device.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/boot_control_conformance.h"
#include "platform/slot_package.h"
#include "platform/slot_store.h"
#include "platform/slot_store_conformance.h"

namespace cutover {
namespace {

class SimulatedBootBench final : public BootBench {
public:
    BootControl& boot() override { return boot_; }
    void power_cycle() override {
        boot_.power_cycle([](Slot) { return true; });
    }
    bool damage_newest_record() override { return false; }

private:
    SimulatedBoot boot_;
};

class SimulatedSlotBench final : public SlotBench {
public:
    SlotStore& slots() override { return slots_; }
    void run(Slot slot) override { running_ = slot; }
    SlotPackage package(const std::string& text) override {
        return {.manifest = base_package(text).manifest, .content = std::string(2000, 'x')};
    }

private:
    std::optional<Slot> running_;
    SimulatedSlots slots_{[this] { return running_; }};
};

INSTANTIATE_TEST_SUITE_P(Simulated, BootControlConformance,
                         testing::Values([] { return std::make_unique<SimulatedBootBench>(); }));
INSTANTIATE_TEST_SUITE_P(Simulated, SlotStoreConformance,
                         testing::Values([] { return std::make_unique<SimulatedSlotBench>(); }));

}  // namespace
}  // namespace cutover
