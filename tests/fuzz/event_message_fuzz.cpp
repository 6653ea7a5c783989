// What an operation or an alarm is called may come from anywhere: from a package, a URL, a server's
// answer. What element managers are told of it is a message that every decoder takes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"
#include "dmi/hw_events_mgmt_service.pb.h"
#include "dmi/sw_image.pb.h"
#include "doors/dmi/event_message.h"
#include "doors/dmi/image_status.h"
#include "model/event.h"
#include "model/operation.h"

namespace {

using namespace cutover;

// The next line, and without it what follows.
std::string take(std::string_view& text) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return std::string(line);
}

void check(const ::dmi::Event& event) {
    for (const auto* const text :
         {&event.add_info(), &event.event_metadata().component_name(),
          &event.generic_event_info().message(), &event.generic_event_info().message_code()})
        CUTOVER_CHECK(valid_utf8(*text) == *text);
    const auto bytes = dmi_wire::encoded(event, dmi_wire::Encoding::binary);
    ::dmi::Event again;
    CUTOVER_CHECK(again.ParseFromString(bytes) && again.SerializeAsString() == bytes);
    CUTOVER_CHECK(!dmi_wire::encoded(event, dmi_wire::Encoding::json).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return 0;
    const auto kind = static_cast<OperationKind>(data[0] % 15);
    const auto state = static_cast<OperationState>(data[1] % 8);
    const auto stage = static_cast<Stage>(data[2] % 9);
    const auto errc = static_cast<Errc>(data[3] % 12);
    std::string_view text(reinterpret_cast<const char*>(data) + 4, size - 4);
    const dmi_wire::EventSource source{.device_uuid = "31387472-ae8e-4989-be24-801e6c91458e",
                                       .device_name = take(text)};
    const Event event{.sequence = 1, .type = take(text), .operation = 3, .text = take(text)};
    check(dmi_wire::event_message(source, event));
    check(dmi_wire::event_message(
        source, Alarm{.name = take(text), .severity = Severity::major, .text = take(text)}));
    Operation operation{.id = 3,
                        .title = take(text),
                        .request = {.kind = kind, .sources = {take(text)}, .asked_by = take(text)},
                        .state = state,
                        .stage = stage};
    if (operation.state == OperationState::failed || operation.state == OperationState::refused)
        operation.error = make_error(errc, take(text));
    const Progress progress{.operation = 3,
                            .stage = stage,
                            .step = take(text),
                            .done_bytes = size,
                            .total_bytes = data[0],
                            .bytes_per_second = 0};
    if (const auto status = dmi_wire::image_status(operation, &progress)) {
        CUTOVER_CHECK(valid_utf8(status->description()) == status->description());
        CUTOVER_CHECK(valid_utf8(status->reason_detail()) == status->reason_detail());
        check(dmi_wire::event_message(source, *status, WallTime{}));
    }
    return 0;
}
