#include "doors/dmi/inventory.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "dmi/hw.pb.h"
#include "doors/dmi/machine_load.h"
#include "model/device.h"
#include "model/fake_device.h"

namespace cutover::dmi_wire {
namespace {

DeviceState state() {
    auto state = FakeDevice().state().value();
    state.uuid = "7e57ab1e-0000-4000-8000-000000000001";
    return state;
}

TEST(Inventory, NamesAndUuidsAreUniqueAndPartsNameTheirParent) {
    const auto root = root_component(state(), {});
    std::set<std::string> names{root.name()};
    std::set<std::string> uuids{root.uuid().uuid()};
    EXPECT_EQ(root.class_(), ::dmi::COMPONENT_TYPE_UNDEFINED);
    EXPECT_EQ(root.parent(), "");
    for (const auto& part : root.children()) {
        EXPECT_EQ(part.parent(), root.name());
        EXPECT_TRUE(names.insert(part.name()).second) << part.name();
        EXPECT_TRUE(uuids.insert(part.uuid().uuid()).second) << part.name();
    }
    EXPECT_EQ(root.software_rev(), "nos 1.1.0");
}

TEST(Inventory, APartIsFoundByUuidOrName) {
    const auto root = root_component(state(), {});
    const auto* const cpu = find_component(root, "", "cpu");
    ASSERT_NE(cpu, nullptr);
    EXPECT_EQ(find_component(root, cpu->uuid().uuid(), ""), cpu);
    EXPECT_EQ(find_component(root, "", root.name()), &root);
    EXPECT_EQ(find_component(root, "", "flux capacitor"), nullptr);
    EXPECT_EQ(find_component(root, "", ""), nullptr);
}

TEST(SensorData, WhatIsTooLargeFor32BitsIsToldInLargerUnits) {
    const auto small = sensor_data(41.6, ::dmi::VALUE_TYPE_PERCENT, "x");
    EXPECT_EQ(small.value(), 42);
    EXPECT_EQ(small.scale(), ::dmi::VALUE_SCALE_UNITS);
    const auto large = sensor_data(8e9, ::dmi::VALUE_TYPE_BYTES, "x");
    EXPECT_EQ(large.value(), 8'000'000);
    EXPECT_EQ(large.scale(), ::dmi::VALUE_SCALE_KILO);
    EXPECT_GT(sensor_data(1e30, ::dmi::VALUE_TYPE_BYTES, "x").value(), 0);
}

TEST(MachineLoad, FiguresAreWhatTheyCanBe) {
    MachineLoad load("/");
    const auto figures = load.figures();
    ASSERT_TRUE(figures) << figures.error().text();
    EXPECT_GT(figures->memory_bytes, 0U);
    EXPECT_GT(figures->memory_used, 0U);
    EXPECT_LE(figures->memory_used, figures->memory_bytes);
    EXPECT_GT(figures->disk_bytes, 0U);
    EXPECT_LE(figures->disk_used, figures->disk_bytes);
    EXPECT_GE(figures->cpu_percent, 0);
    EXPECT_LE(figures->cpu_percent, 100);
}

}  // namespace
}  // namespace cutover::dmi_wire
