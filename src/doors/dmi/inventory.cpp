#include "doors/dmi/inventory.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/utf8.h"
#include "dmi/hw.pb.h"
#include "doors/dmi/event_message.h"
#include "doors/dmi/machine_load.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"

namespace cutover::dmi_wire {
namespace {

::dmi::ComponentAlarmState alarm_state(const DeviceState& state) {
    auto worst = Severity::cleared;
    for (const auto& alarm : state.alarms) worst = std::max(worst, alarm.severity);
    switch (worst) {
        case Severity::cleared: return ::dmi::COMP_ALARM_STATE_UNDEFINED;
        case Severity::indeterminate: return ::dmi::COMP_ALARM_STATE_INDETERMINATE;
        case Severity::warning: return ::dmi::COMP_ALARM_STATE_WARNING;
        case Severity::minor: return ::dmi::COMP_ALARM_STATE_MINOR;
        case Severity::major: return ::dmi::COMP_ALARM_STATE_MAJOR;
        case Severity::critical: return ::dmi::COMP_ALARM_STATE_CRITICAL;
    }
    std::unreachable();
}

void set_names(::dmi::Component& component, const DeviceState& state, std::string_view name) {
    component.set_name(valid_utf8(name));
    component.mutable_uuid()->set_uuid(component_uuid(state.uuid, name));
}

::dmi::Component& add_part(::dmi::Component& root, const DeviceState& state, std::string_view name,
                           ::dmi::ComponentType type) {
    auto& part = *root.add_children();
    set_names(part, state, name);
    part.set_class_(type);
    part.set_parent(root.name());
    part.set_parent_rel_pos(root.children_size() - 1);
    part.mutable_state()->set_oper_state(::dmi::COMP_OPER_STATE_ENABLED);
    return part;
}

}  // namespace

::dmi::ComponentSensorData sensor_data(double value, ::dmi::DataValueType type,
                                       std::string_view data_type) {
    constexpr std::array kScales{::dmi::VALUE_SCALE_UNITS, ::dmi::VALUE_SCALE_KILO,
                                 ::dmi::VALUE_SCALE_MEGA,  ::dmi::VALUE_SCALE_GIGA,
                                 ::dmi::VALUE_SCALE_TERA,  ::dmi::VALUE_SCALE_PETA};
    constexpr double kThousand = 1000;
    const auto* scale = kScales.begin();
    for (; value > std::numeric_limits<std::int32_t>::max() && scale + 1 != kScales.end(); ++scale)
        value /= kThousand;
    ::dmi::ComponentSensorData data;
    data.set_value(static_cast<std::int32_t>(std::lround(
        std::min(value, static_cast<double>(std::numeric_limits<std::int32_t>::max())))));
    data.set_type(type);
    data.set_scale(*scale);
    data.set_status(::dmi::SENSOR_STATUS_OK);
    data.set_units_display(type == ::dmi::VALUE_TYPE_PERCENT ? "%" : "B");
    data.set_data_type(std::string(data_type));
    const auto now = SystemClock().wall().time_since_epoch();
    data.mutable_timestamp()->set_seconds(
        std::chrono::duration_cast<std::chrono::seconds>(now).count());
    return data;
}

::dmi::Component root_component(const DeviceState& state, const MachineFigures& figures) {
    ::dmi::Component root;
    set_names(root, state, state.device_name);
    root.set_class_(::dmi::COMPONENT_TYPE_UNDEFINED);
    root.set_description("device managed by cutover " + state.agent_version);
    root.set_serial_num(valid_utf8(state.serial));
    root.set_model_name(valid_utf8(state.hardware));
    const auto running = std::ranges::find(state.generations, state.marks.running, &Generation::id);
    if (running != state.generations.end())
        root.set_software_rev(valid_utf8(running->base.name + " " + running->base.version.text()));
    const bool healthy = std::ranges::all_of(state.health, &HealthStatus::healthy);
    auto& condition = *root.mutable_state();
    condition.set_oper_state(healthy ? ::dmi::COMP_OPER_STATE_ENABLED
                                     : ::dmi::COMP_OPER_STATE_FAILED);
    condition.set_alarm_state(alarm_state(state));

    *add_part(root, state, kCpu, ::dmi::COMPONENT_TYPE_CPU).add_sensor_data() =
        sensor_data(figures.cpu_percent, ::dmi::VALUE_TYPE_PERCENT, "METRIC_CPU_USAGE_PERCENTAGE");
    *add_part(root, state, kMemory, ::dmi::COMPONENT_TYPE_MEMORY).add_sensor_data() = sensor_data(
        static_cast<double>(figures.memory_bytes), ::dmi::VALUE_TYPE_BYTES, "METRIC_RAM_CAPACITY");
    *add_part(root, state, kDisk, ::dmi::COMPONENT_TYPE_STORAGE).add_sensor_data() = sensor_data(
        static_cast<double>(figures.disk_bytes), ::dmi::VALUE_TYPE_BYTES, "METRIC_DISK_CAPACITY");
    return root;
}

const ::dmi::Component* find_component(const ::dmi::Component& root, std::string_view uuid,
                                       std::string_view name) {
    const auto is_it = [&](const ::dmi::Component& component) {
        return uuid.empty() ? component.name() == name : component.uuid().uuid() == uuid;
    };
    if (uuid.empty() && name.empty()) return nullptr;
    if (is_it(root)) return &root;
    const auto found = std::ranges::find_if(root.children(), is_it);
    return found == root.children().end() ? nullptr : &*found;
}

}  // namespace cutover::dmi_wire
