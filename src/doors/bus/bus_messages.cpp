#include "doors/bus/bus_messages.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/message.h>

#include "dmi/sw_image.pb.h"
#include "doors/bus/go_json.h"
#include "doors/dmi/event_message.h"
#include "doors/dmi/image_status.h"
#include "model/device_config.h"
#include "store/outbox.h"

namespace cutover {
namespace {

using dmi_wire::event_message;

std::string encoded(const google::protobuf::Message& message, EventEncoding encoding) {
    switch (encoding) {
        case EventEncoding::protobuf: return message.SerializeAsString();
        case EventEncoding::json: return go_json(message);
    }
    std::unreachable();
}

// The end of a stage tells of an image what the beginning of the next one does.
std::optional<::dmi::ImageStatus> image_status_at(const OutboxEvent& event) {
    if (!event.operation || !dmi_wire::may_change_image_status(event.event)) return std::nullopt;
    if (event.event.type == "stage.ended") return std::nullopt;
    return dmi_wire::image_status(*event.operation, event.progress ? &*event.progress : nullptr);
}

}  // namespace

std::vector<std::string> bus_messages(const dmi_wire::EventSource& source, EventEncoding encoding,
                                      const OutboxEvent& event) {
    const auto status = image_status_at(event);
    std::vector<std::string> messages;
    if (event.alarm)
        messages.push_back(encoded(event_message(source, *event.alarm), encoding));
    else if (!status || !event.progress)
        messages.push_back(encoded(event_message(source, event.event), encoding));
    if (status)
        messages.push_back(encoded(event_message(source, *status, event.event.time), encoding));
    return messages;
}

}  // namespace cutover
