#pragma once

#include <string>
#include <vector>

#include "doors/dmi/event_message.h"
#include "model/device_config.h"
#include "store/outbox.h"

namespace cutover {

// The messages, dmi.Event each, that tell a bus of an event: the event itself, and where it
// concerns an image how that goes. The same ones each time they are asked for.
std::vector<std::string> bus_messages(const dmi_wire::EventSource& source, EventEncoding encoding,
                                      const OutboxEvent& event);

}  // namespace cutover
