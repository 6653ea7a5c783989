#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dmi/sw_image.pb.h"
#include "model/device.h"
#include "model/event.h"
#include "model/operation.h"

namespace cutover::dmi_wire {

// What Request::asked_by ends with when the DMI asked: "alice@ipv4:192.0.2.1:40312 (dmi)".
inline constexpr std::string_view kAskedThrough = " (dmi)";

// How far an operation on a base has come, as a state of the DMI's image machine; nothing for an
// operation of another kind. A function of the operation alone, so that whoever asks after a
// restart is told the same. `progress` adds how much of the image has been copied.
std::optional<::dmi::ImageStatus> image_status(const Operation& operation,
                                               const Progress* progress = nullptr);

// The state that the image machine is in while no operation is at work, or in that of the one that
// is: UPGRADE_COMPLETE while the standby slot holds a base that could be activated and has not run.
::dmi::ImageStatus::ImageState image_state(const DeviceState& state);

// Whether a stream ends with this status.
bool is_terminal(::dmi::ImageStatus::ImageState state);

// `wanted`, and before it what the machine goes through on its way there from `last` and that came
// and went unseen: a reader is shown each state in its order.
std::vector<::dmi::ImageStatus> with_passed_states(::dmi::ImageStatus::ImageState last,
                                                   const ::dmi::ImageStatus& wanted);

// A request that is not even begun: its one message.
::dmi::ImageStatus refused_image(::dmi::ImageStatus::ImageState state, const Error& error);

}  // namespace cutover::dmi_wire
