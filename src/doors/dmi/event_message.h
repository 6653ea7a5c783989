#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "dmi/hw_events_mgmt_service.pb.h"
#include "dmi/sw_image.pb.h"
#include "model/event.h"
#include "model/operation.h"

namespace google::protobuf {
class Message;
}

// What happens on a device as the DMI tells it: for StreamEvents, and for a message bus. Pure.
namespace cutover::dmi_wire {

// Who tells it.
struct EventSource {
    std::string device_uuid;
    std::string device_name;
};

// The UUID of a part of the device: the same for the same device and name, of version 8 (RFC 9562).
std::string component_uuid(std::string_view device_uuid, std::string_view component_name);

// A restart is EVENT_HW_DEVICE_REBOOT, everything else EVENT_COMPONENT_GENERIC_EVENT with the
// event's type as its code; `add_info` is {"sequence": 12, "operation": 3}.
::dmi::Event event_message(const EventSource& source, const Event& event);

// An alarm as it stands: raised, or cleared (severity NORMAL).
::dmi::Event event_message(const EventSource& source, const Alarm& alarm);

// How an operation on an image goes: a generic event with the code IMAGE_STATUS, whose `add_info`
// is the ImageStatus as JSON.
::dmi::Event event_message(const EventSource& source, const ::dmi::ImageStatus& status,
                           WallTime time);

// Whether image_status() of the event's operation may have changed with this event.
bool may_change_image_status(const Event& event);

// The id under which an event of this type is told.
::dmi::EventIds event_id(const Event& event);

enum class Encoding : std::uint8_t { binary, json };  // protobuf's own JSON, names as in the .proto
std::string encoded(const google::protobuf::Message& message, Encoding encoding);

}  // namespace cutover::dmi_wire
