#pragma once

#include <string_view>

#include "dmi/hw.pb.h"
#include "doors/dmi/machine_load.h"
#include "model/device.h"

namespace cutover::dmi_wire {

inline constexpr std::string_view kCpu = "cpu";
inline constexpr std::string_view kMemory = "memory";
inline constexpr std::string_view kDisk = "disk";

// The device as one component, with those parts as its children that there are figures of.
::dmi::Component root_component(const DeviceState& state, const MachineFigures& figures);

// The component of that UUID, or of that name where there is none; null when there is none.
const ::dmi::Component* find_component(const ::dmi::Component& root, std::string_view uuid,
                                       std::string_view name);

// A measured value. One that does not fit into 32 bits is told in thousands, millions, ...
::dmi::ComponentSensorData sensor_data(double value, ::dmi::DataValueType type,
                                       std::string_view data_type);

}  // namespace cutover::dmi_wire
