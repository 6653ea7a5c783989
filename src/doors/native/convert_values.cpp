#include "doors/native/convert_values.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "cutover/v1/device.pb.h"
#include "doors/native/convert.h"
#include "doors/native/errors.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover::wire {

using std::chrono::milliseconds;

std::string text(std::string_view bytes) { return valid_utf8(bytes); }

google::protobuf::Duration duration_from(milliseconds duration) {
    google::protobuf::Duration wire;
    wire.set_seconds(duration.count() / 1000);
    wire.set_nanos(static_cast<std::int32_t>(duration.count() % 1000 * 1'000'000));
    return wire;
}

Result<milliseconds> to_model(const google::protobuf::Duration& wire) {
    constexpr std::int64_t kMaxSeconds = 315'576'000'000;  // protobuf's own limit
    if (wire.seconds() < -kMaxSeconds || wire.seconds() > kMaxSeconds)
        return fail(errors::door_bad_request, "a duration of {} s is too long", wire.seconds());
    return milliseconds(wire.seconds() * 1000 + wire.nanos() / 1'000'000);
}

google::protobuf::Timestamp from(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    google::protobuf::Timestamp wire;
    wire.set_seconds(seconds.time_since_epoch().count());
    wire.set_nanos(static_cast<std::int32_t>((time - seconds).count() * 1'000'000));
    return wire;
}

Result<WallTime> to_model(const google::protobuf::Timestamp& wire) {
    constexpr std::int64_t kFirst = -62'135'596'800;  // the years 1 to 9999, as protobuf has it
    constexpr std::int64_t kLast = 253'402'300'799;
    if (wire.seconds() < kFirst || wire.seconds() > kLast)
        return fail(errors::door_bad_request, "{} is no time", wire.seconds());
    return WallTime(milliseconds(wire.seconds() * 1000 + wire.nanos() / 1'000'000));
}

v1::PackageRef from(const PackageRef& package) {
    v1::PackageRef wire;
    wire.set_kind(enum_from<v1::PackageKind>(package.kind));
    wire.set_name(text(package.name));
    wire.set_version(package.version.text());
    wire.set_digest(text(package.digest));
    wire.set_side_by_side(package.side_by_side);
    return wire;
}

Result<PackageRef> to_model(const v1::PackageRef& wire) {
    PackageRef value;
    value.kind = TRY(enum_to(wire.kind(), PackageKind::pack, "package kind"));
    value.name = wire.name();
    value.version = TRY(Version::parse(wire.version()));
    value.digest = wire.digest();
    value.side_by_side = wire.side_by_side();
    return value;
}

v1::Generation from(const Generation& generation) {
    v1::Generation wire;
    wire.set_id(generation.id);
    *wire.mutable_base() = from(generation.base);
    wire.set_slot(enum_from<v1::Slot>(generation.slot));
    fill(*wire.mutable_packages(), generation.packages);
    wire.set_configuration_revision(generation.configuration_revision);
    wire.set_update_level(generation.update_level);
    if (generation.pack) *wire.mutable_pack() = from(*generation.pack);
    *wire.mutable_created() = from(generation.created);
    wire.set_committed_once(generation.committed_once);
    wire.set_kept(generation.kept);
    wire.set_bad(generation.bad);
    return wire;
}

Result<Generation> to_model(const v1::Generation& wire) {
    Generation value;
    value.id = wire.id();
    value.base = TRY(to_model(wire.base()), "generation {}", wire.id());
    value.slot = TRY(enum_to(wire.slot(), Slot::b, "slot"));
    value.packages = TRY(list<PackageRef>(wire.packages()));
    value.configuration_revision = wire.configuration_revision();
    value.update_level = wire.update_level();
    if (wire.has_pack()) value.pack = TRY(to_model(wire.pack()));
    value.created = TRY(to_model(wire.created()));
    value.committed_once = wire.committed_once();
    value.kept = wire.kept();
    value.bad = wire.bad();
    return value;
}

v1::SlotStatus from(const SlotStatus& slot) {
    v1::SlotStatus wire;
    wire.set_slot(enum_from<v1::Slot>(slot.slot));
    wire.set_state(enum_from<v1::SlotState>(slot.state));
    if (slot.holds) *wire.mutable_holds() = from(*slot.holds);
    wire.set_committed_once(slot.committed_once);
    return wire;
}

Result<SlotStatus> to_model(const v1::SlotStatus& wire) {
    SlotStatus slot;
    slot.slot = TRY(enum_to(wire.slot(), Slot::b, "slot"));
    slot.state = TRY(enum_to(wire.state(), SlotState::bad, "slot state"));
    slot.committed_once = wire.committed_once();
    if (wire.has_holds()) slot.holds = TRY(to_model(wire.holds()));
    return slot;
}

v1::PackageStatus from(const PackageStatus& package) {
    v1::PackageStatus wire;
    *wire.mutable_package() = from(package.package);
    wire.set_state(enum_from<v1::PackageState>(package.state));
    wire.set_summary(text(package.summary));
    for (const auto& service : package.services) wire.add_services(text(service));
    wire.set_detail(text(package.detail));
    return wire;
}

Result<PackageStatus> to_model(const v1::PackageStatus& wire) {
    PackageStatus value;
    value.package = TRY(to_model(wire.package()));
    value.state = TRY(enum_to(wire.state(), PackageState::leaving, "package state"));
    value.summary = wire.summary();
    value.services = {wire.services().begin(), wire.services().end()};
    value.detail = wire.detail();
    return value;
}

v1::ServiceStatus from(const ServiceStatus& service) {
    v1::ServiceStatus wire;
    wire.set_name(text(service.name));
    wire.set_state(text(service.state));
    wire.set_restarts(service.restarts);
    wire.set_detail(text(service.detail));
    return wire;
}

Result<ServiceStatus> to_model(const v1::ServiceStatus& wire) {
    return ServiceStatus{.name = wire.name(),
                         .state = wire.state(),
                         .restarts = wire.restarts(),
                         .detail = wire.detail()};
}

v1::HealthStatus from(const HealthStatus& health) {
    v1::HealthStatus wire;
    wire.set_name(text(health.name));
    wire.set_from(text(health.from));
    wire.set_healthy(health.healthy);
    wire.set_detail(text(health.detail));
    *wire.mutable_checked() = from(health.checked);
    return wire;
}

Result<HealthStatus> to_model(const v1::HealthStatus& wire) {
    HealthStatus value;
    value.name = wire.name();
    value.from = wire.from();
    value.healthy = wire.healthy();
    value.detail = wire.detail();
    value.checked = TRY(to_model(wire.checked()));
    return value;
}

v1::Alarm from(const Alarm& alarm) {
    v1::Alarm wire;
    wire.set_name(text(alarm.name));
    wire.set_severity(enum_from<v1::Severity>(alarm.severity));
    wire.set_text(text(alarm.text));
    *wire.mutable_raised() = from(alarm.raised);
    if (alarm.cleared) *wire.mutable_cleared() = from(*alarm.cleared);
    wire.set_operation(alarm.operation);
    return wire;
}

Result<Alarm> to_model(const v1::Alarm& wire) {
    Alarm alarm;
    alarm.name = wire.name();
    alarm.severity = TRY(enum_to(wire.severity(), Severity::critical, "severity"));
    alarm.text = wire.text();
    alarm.raised = TRY(to_model(wire.raised()));
    alarm.operation = wire.operation();
    if (wire.has_cleared()) alarm.cleared = TRY(to_model(wire.cleared()));
    return alarm;
}

v1::DeviceState from(const DeviceState& state) {
    v1::DeviceState wire;
    wire.set_device_name(text(state.device_name));
    wire.set_hardware(text(state.hardware));
    wire.set_serial(text(state.serial));
    wire.set_uuid(text(state.uuid));
    wire.set_agent_version(text(state.agent_version));
    wire.set_active_slot(enum_from<v1::Slot>(state.active_slot));
    wire.set_boot_reason(text(state.boot_reason));
    wire.mutable_marks()->set_running(state.marks.running);
    wire.mutable_marks()->set_startup(state.marks.startup);
    wire.mutable_marks()->set_committed(state.marks.committed);
    fill(*wire.mutable_generations(), state.generations);
    fill(*wire.mutable_slots(), state.slots);
    fill(*wire.mutable_packages(), state.packages);
    fill(*wire.mutable_services(), state.services);
    fill(*wire.mutable_health(), state.health);
    fill(*wire.mutable_alarms(), state.alarms);
    if (state.current) *wire.mutable_current() = from(*state.current);
    wire.set_epoch(state.epoch);
    wire.set_last_event(state.last_event);
    return wire;
}

Result<DeviceState> to_model(const v1::DeviceState& wire) {
    DeviceState state;
    state.device_name = wire.device_name();
    state.hardware = wire.hardware();
    state.serial = wire.serial();
    state.uuid = wire.uuid();
    state.agent_version = wire.agent_version();
    state.active_slot = TRY(enum_to(wire.active_slot(), Slot::b, "slot"));
    state.boot_reason = wire.boot_reason();
    state.marks.running = wire.marks().running();
    state.marks.startup = wire.marks().startup();
    state.marks.committed = wire.marks().committed();
    state.generations = TRY(list<Generation>(wire.generations()));
    state.slots = TRY(list<SlotStatus>(wire.slots()));
    state.packages = TRY(list<PackageStatus>(wire.packages()));
    state.services = TRY(list<ServiceStatus>(wire.services()));
    state.health = TRY(list<HealthStatus>(wire.health()));
    state.alarms = TRY(list<Alarm>(wire.alarms()));
    state.epoch = wire.epoch();
    state.last_event = wire.last_event();
    if (wire.has_current()) state.current = TRY(to_model(wire.current()));
    return state;
}

}  // namespace cutover::wire
