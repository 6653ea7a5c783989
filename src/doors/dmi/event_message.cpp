#include "doors/dmi/event_message.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "dmi/commons.pb.h"
#include "dmi/hw_events_mgmt_service.pb.h"
#include "dmi/sw_image.pb.h"
#include "model/event.h"

namespace cutover::dmi_wire {
namespace {

using Info = ::dmi::GenericEventInfo;

constexpr std::string_view kImageStatus = "IMAGE_STATUS";

// FNV-1a: spreads names over 64 bits.
std::uint64_t spread(std::uint64_t seed, std::string_view text) {
    constexpr std::uint64_t kPrime = 0x100000001b3;
    for (const char c : text) {
        seed ^= static_cast<unsigned char>(c);
        seed *= kPrime;
    }
    return seed;
}

void set_time(WallTime time, google::protobuf::Timestamp& stamp) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    stamp.set_seconds(seconds.time_since_epoch().count());
    stamp.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(time - seconds).count()));
}

::dmi::Event begin(const EventSource& source, ::dmi::EventIds id, WallTime time) {
    ::dmi::Event message;
    auto& about = *message.mutable_event_metadata();
    about.mutable_device_uuid()->set_uuid(source.device_uuid);
    about.mutable_component_uuid()->set_uuid(
        component_uuid(source.device_uuid, source.device_name));
    about.set_component_name(valid_utf8(source.device_name));
    message.set_event_id(id);
    set_time(time, *message.mutable_raised_ts());
    return message;
}

Info::EventSeverity severity_of(Severity severity) {
    switch (severity) {
        case Severity::cleared: return Info::NORMAL;
        case Severity::indeterminate: return Info::EVENT_SEVERITY_UNSPECIFIED;
        case Severity::warning:
        case Severity::minor: return Info::MINOR;
        case Severity::major: return Info::MAJOR;
        case Severity::critical: return Info::CRITICAL;
    }
    std::unreachable();
}

// Of an event, which has no severity of its own.
Info::EventSeverity severity_of(const Event& event) {
    if (event.type == "alarm.raised" || event.type == "operation.failed") return Info::MAJOR;
    if (event.type == "operation.refused" || event.type == "operation.undoing") return Info::MINOR;
    return Info::INFO;
}

}  // namespace

std::string component_uuid(std::string_view device_uuid, std::string_view component_name) {
    constexpr std::uint64_t kSeed = 0xcbf29ce484222325;
    constexpr std::uint64_t kOtherSeed = 0x84222325cbf29ce4;
    const auto text = fmt::format("{}/{}", device_uuid, component_name);
    auto high = spread(kSeed, text);
    auto low = spread(kOtherSeed, text);
    high = (high & ~std::uint64_t{0xf000}) | 0x8000;  // version 8
    low = (low & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                       high & 0xffff, low >> 48, low & 0xffff'ffff'ffff);
}

::dmi::EventIds event_id(const Event& event) {
    return event.type == "device.restarting" || event.type == "device.restarted"
               ? ::dmi::EVENT_HW_DEVICE_REBOOT
               : ::dmi::EVENT_COMPONENT_GENERIC_EVENT;
}

::dmi::Event event_message(const EventSource& source, const Event& event) {
    auto message = begin(source, event_id(event), event.time);
    auto& info = *message.mutable_generic_event_info();
    info.set_message(valid_utf8(event.text));
    info.set_message_code(valid_utf8(event.type));
    info.set_severity(severity_of(event));
    message.set_add_info(
        fmt::format(R"({{"sequence": {}, "operation": {}}})", event.sequence, event.operation));
    return message;
}

::dmi::Event event_message(const EventSource& source, const Alarm& alarm) {
    auto message =
        begin(source, ::dmi::EVENT_COMPONENT_GENERIC_EVENT, alarm.cleared.value_or(alarm.raised));
    auto& info = *message.mutable_generic_event_info();
    info.set_message(valid_utf8(alarm.text));
    info.set_message_code(valid_utf8("alarm." + alarm.name));
    info.set_severity(alarm.cleared ? Info::NORMAL : severity_of(alarm.severity));
    message.set_add_info(fmt::format(R"({{"operation": {}}})", alarm.operation));
    return message;
}

::dmi::Event event_message(const EventSource& source, const ::dmi::ImageStatus& status,
                           WallTime time) {
    auto message = begin(source, ::dmi::EVENT_COMPONENT_GENERIC_EVENT, time);
    auto& info = *message.mutable_generic_event_info();
    info.set_message(status.description());
    info.set_message_code(std::string(kImageStatus));
    info.set_severity(status.status() == ::dmi::ERROR_STATUS ? Info::MAJOR : Info::INFO);
    message.set_add_info(encoded(status, Encoding::json));
    return message;
}

bool may_change_image_status(const Event& event) {
    constexpr std::array<std::string_view, 4> kFamilies{"operation.", "stage.", "trial.",
                                                        "device.restart"};
    for (const auto family : kFamilies)
        if (event.type.starts_with(family)) return event.operation != 0;
    return false;
}

std::string encoded(const google::protobuf::Message& message, Encoding encoding) {
    if (encoding == Encoding::binary) return message.SerializeAsString();
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string json;
    const auto written = google::protobuf::util::MessageToJsonString(message, &json, options);
    return written.ok() ? json : "{}";  // it fails for a time that is none, and for an Any
}

}  // namespace cutover::dmi_wire
