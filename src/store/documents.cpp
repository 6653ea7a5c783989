#include "store/documents.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/slot.h"
#include "model/version.h"
#include "store/errors.h"
#include "store/outbox.h"
#include "store/store.h"

using Json = nlohmann::json;

// nlohmann-json finds these by the types' namespaces; its own exceptions and those thrown here end
// in read(), below.
NLOHMANN_JSON_NAMESPACE_BEGIN

template <typename T>
struct adl_serializer<std::optional<T>> {
    static void to_json(Json& out, const std::optional<T>& value) {
        out = value ? Json(*value) : Json(nullptr);
    }
    static void from_json(const Json& in, std::optional<T>& value) {
        if (in.is_null())
            value.reset();
        else
            value = in.get<T>();
    }
};

template <typename Rep, typename Period>
struct adl_serializer<std::chrono::duration<Rep, Period>> {
    using Duration = std::chrono::duration<Rep, Period>;
    static void to_json(Json& out, const Duration& value) { out = value.count(); }
    static void from_json(const Json& in, Duration& value) { value = Duration(in.get<Rep>()); }
};

template <>
struct adl_serializer<cutover::WallTime> {
    static void to_json(Json& out, const cutover::WallTime& value) {
        out = value.time_since_epoch().count();
    }
    static void from_json(const Json& in, cutover::WallTime& value) {
        value = cutover::WallTime(std::chrono::milliseconds(in.get<std::int64_t>()));
    }
};

NLOHMANN_JSON_NAMESPACE_END

namespace cutover {

namespace {

std::optional<Slot> slot_from(std::string_view name) {
    if (name == "A") return Slot::a;
    if (name == "B") return Slot::b;
    return std::nullopt;
}
std::optional<Errc> kind_from(std::string_view name) { return errc_from(name); }

}  // namespace

// The library finds these by their arguments' namespace, which is not the anonymous one; and a type
// in parentheses is no type.
// NOLINTBEGIN(misc-use-anonymous-namespace,bugprone-macro-parentheses)

// Enumerations are written by their names; a name from a newer agent is an error, not a guess.
#define CUTOVER_JSON_ENUM(Type, from_name)                                           \
    static void to_json(Json& json, const Type& value) { json = to_string(value); }  \
    static void from_json(const Json& json, Type& value) {                           \
        const auto found = from_name(json.get_ref<const std::string&>());            \
        if (!found) throw std::invalid_argument("unknown " #Type " " + json.dump()); \
        value = *found;                                                              \
    }

CUTOVER_JSON_ENUM(Slot, slot_from)
CUTOVER_JSON_ENUM(Errc, kind_from)
CUTOVER_JSON_ENUM(PackageKind, package_kind_from)
CUTOVER_JSON_ENUM(SlotState, slot_state_from)
CUTOVER_JSON_ENUM(OperationKind, operation_kind_from)
CUTOVER_JSON_ENUM(Mode, mode_from)
CUTOVER_JSON_ENUM(Stage, stage_from)
CUTOVER_JSON_ENUM(CheckVerdict, check_verdict_from)
CUTOVER_JSON_ENUM(OperationState, operation_state_from)
CUTOVER_JSON_ENUM(StageState, stage_state_from)
CUTOVER_JSON_ENUM(StepKind, step_kind_from)
CUTOVER_JSON_ENUM(Severity, severity_from)

static void to_json(Json& json, const Version& value) { json = value.text(); }
static void from_json(const Json& json, Version& value) {
    auto parsed = Version::parse(json.get_ref<const std::string&>());
    if (!parsed) throw std::invalid_argument(parsed.error().message);
    value = *parsed;
}

// NOLINTEND(misc-use-anonymous-namespace,bugprone-macro-parentheses)

#define CUTOVER_JSON(Type, ...) NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Type, __VA_ARGS__)

CUTOVER_JSON(Error, kind, id, message, cause, remedy)
CUTOVER_JSON(PackageRef, kind, name, version, digest, side_by_side)
CUTOVER_JSON(Generation, id, base, slot, packages, configuration_revision, update_level, pack,
             created, committed_once, kept, bad)
CUTOVER_JSON(SlotStatus, slot, state, holds, committed_once)
CUTOVER_JSON(Request, kind, sources, packages, only_kind, with_dependents, mode, trial, force,
             plan_hash, generation, asked_by, keep_access, factory_base, max_wait, end_config_work,
             wait_for_services)
CUTOVER_JSON(CheckResult, name, verdict, detail, error)
CUTOVER_JSON(StageRecord, stage, state, duration, detail)
CUTOVER_JSON(Operation, id, title, request, state, stage, stages, checks, plan_hash, from, to,
             started, ended, interruption, reboots, notes, warnings, error, commit_deadline)
CUTOVER_JSON(Step, kind, stage, order, name, description, argument, command)
CUTOVER_JSON(PlannedLayer, package, source)
CUTOVER_JSON(Depot, obtained, selected, deselected)
CUTOVER_JSON(Plan, title, subject, target, source, manifest_digest, persist, steps, startup, layers,
             depot, interrupts, notes, warnings)
CUTOVER_JSON(OperationRecord, operation, plan, cursor, begun, undoing, committed, cancelled,
             on_new_base, boot_id, reboot_asked)
CUTOVER_JSON(Alarm, name, severity, text, raised, cleared, operation)
CUTOVER_JSON(Event, sequence, time, type, operation, text)
CUTOVER_JSON(Progress, operation, stage, step, done_bytes, total_bytes, bytes_per_second)
CUTOVER_JSON(OutboxEvent, event, operation, alarm, progress)

namespace {

template <typename T>
Result<T> read(std::string_view document, std::string_view what) {
    try {
        return Json::parse(document).get<T>();
    } catch (const std::exception& problem) {
        return fail(errors::store_corrupt, "stored {} cannot be read: {}", what, problem.what());
    }
}

template <typename T>
std::string write(const T& value) {
    return Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_document(const Generation& generation) { return write(generation); }
std::string to_document(const SlotStatus& slot) { return write(slot); }
std::string to_document(const OperationRecord& record) { return write(record); }
std::string to_document(const Alarm& alarm) { return write(alarm); }
std::string to_document(const Depot& depot) { return write(depot); }
std::string to_document(const OutboxEvent& event) { return write(event); }

Result<Generation> generation_from(std::string_view document) {
    return read<Generation>(document, "generation");
}
Result<SlotStatus> slot_status_from(std::string_view document) {
    return read<SlotStatus>(document, "slot");
}
Result<OperationRecord> operation_record_from(std::string_view document) {
    return read<OperationRecord>(document, "operation");
}
Result<Depot> depot_from(std::string_view document) {
    return read<Depot>(document, "list of obtained packages");
}
Result<Alarm> alarm_from(std::string_view document) { return read<Alarm>(document, "alarm"); }
Result<OutboxEvent> outbox_event_from(std::string_view document) {
    return read<OutboxEvent>(document, "event");
}

}  // namespace cutover
