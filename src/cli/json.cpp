#include "cli/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/state_view.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/slot.h"
#include "model/version.h"

namespace cutover::cli::json {
namespace {

using Json = nlohmann::ordered_json;

// A device's text need not be UTF-8: what is none is replaced, never thrown about.
std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json of(const std::optional<WallTime>& time) { return time ? Json(to_iso8601(*time)) : Json(); }

Json of(const Error& error) {
    return {{"kind", to_string(error.kind)},
            {"id", error.id},
            {"message", error.message},
            {"cause", error.cause},
            {"remedy", error.remedy}};
}

Json of(const std::optional<Error>& error) { return error ? of(*error) : Json(); }

Json of(const PackageRef& package) {
    return {{"kind", to_string(package.kind)},
            {"name", package.name},
            {"version", package.version.text()},
            {"digest", package.digest}};
}

Json base_of(const Generation& generation) {
    return {{"name", generation.base.name},
            {"version", generation.base.version.text()},
            {"slot", to_string(generation.slot)}};
}

Json of_packages(const std::vector<PackageRef>& packages) {
    auto list = Json::array();
    for (const auto& package : packages) list.push_back(of(package));
    return list;
}

// What stands behind a mark; null when the mark points at nothing.
Json marked(const DeviceState& state, GenerationId id) {
    const auto* generation = find_generation(state, id);
    if (generation == nullptr) return nullptr;
    return {{"generation", generation->id},
            {"base", base_of(*generation)},
            {"packages", of_packages(generation->packages)},
            {"update_level", generation->update_level}};
}

Json of(const SlotStatus& slot) {
    return {{"slot", to_string(slot.slot)},
            {"name", slot.holds ? Json(slot.holds->name) : Json()},
            {"version", slot.holds ? Json(slot.holds->version.text()) : Json()},
            {"state", to_string(slot.state)},
            {"committed_once", slot.committed_once}};
}

Json standby(const DeviceState& state) {
    const auto* slot = find_slot(state, other(state.active_slot));
    return slot == nullptr ? Json() : of(*slot);
}

Json of(const Generation& generation, const DeviceState& state) {
    return {{"generation", generation.id},
            {"base", base_of(generation)},
            {"packages", of_packages(generation.packages)},
            {"update_level", generation.update_level},
            {"configuration_revision", generation.configuration_revision},
            {"created", to_iso8601(generation.created)},
            {"marks", marks_of(state, generation.id)},
            {"committed_once", generation.committed_once},
            {"kept", generation.kept},
            {"bad", generation.bad}};
}

// The names of the marks whose generation has the package.
Json marks_with(const PackageRef& package, const DeviceState& state) {
    auto marks = Json::array();
    const std::vector<std::pair<std::string, GenerationId>> all{
        {"running", state.marks.running},
        {"startup", state.marks.startup},
        {"committed", state.marks.committed}};
    for (const auto& [mark, id] : all) {
        const auto* generation = find_generation(state, id);
        const bool has =
            generation != nullptr &&
            (generation->base == package ||
             std::ranges::find(generation->packages, package) != generation->packages.end());
        if (has) marks.push_back(mark);
    }
    return marks;
}

Json of(const PackageStatus& row, const DeviceState& state) {
    auto package = of(row.package);
    package["state"] = to_string(row.state);
    package["summary"] = row.summary;
    package["services"] = row.services;
    package["detail"] = row.detail;
    package["marks"] = marks_with(row.package, state);
    return package;
}

// The running base before its packages.
std::vector<PackageStatus> with_base(const DeviceState& state) {
    auto rows = state.packages;
    if (const auto* running = find_generation(state, state.marks.running))
        rows.insert(rows.begin(), {.package = running->base,
                                   .state = PackageState::running,
                                   .summary = {},
                                   .services = {},
                                   .detail = {}});
    return rows;
}

Json of(const HealthStatus& health) {
    return {{"name", health.name},
            {"from", health.from},
            {"healthy", health.healthy},
            {"detail", health.detail},
            {"checked", to_iso8601(health.checked)}};
}

Json of(const ServiceStatus& service) {
    return {{"name", service.name},
            {"state", service.state},
            {"restarts", service.restarts},
            {"detail", service.detail}};
}

Json of(const Alarm& alarm) {
    return {{"name", alarm.name},           {"severity", to_string(alarm.severity)},
            {"text", alarm.text},           {"raised", to_iso8601(alarm.raised)},
            {"cleared", of(alarm.cleared)}, {"operation", alarm.operation}};
}

Json of(const CheckResult& check) {
    return {{"name", check.name},
            {"verdict", to_string(check.verdict)},
            {"detail", check.detail},
            {"error", of(check.error)}};
}

Json of(const StageRecord& record);
Json of(const Operation& operation);

template <typename Values>
Json list_of(const Values& values) {
    auto list = Json::array();
    for (const auto& value : values) list.push_back(of(value));
    return list;
}

Json of(const Request& request) {
    return {{"kind", to_string(request.kind)},
            {"sources", request.sources},
            {"packages", request.packages},
            {"only_kind", request.only_kind ? Json(to_string(*request.only_kind)) : Json()},
            {"with_dependents", request.with_dependents},
            {"mode", to_string(request.mode)},
            {"trial_minutes", request.trial.count()},
            {"force", request.force},
            {"plan", request.plan_hash},
            {"generation", request.generation},
            {"asked_by", request.asked_by}};
}

Json of(const StageRecord& record) {
    return {{"stage", to_string(record.stage)},
            {"state", to_string(record.state)},
            {"duration_ms", record.duration.count()},
            {"detail", record.detail}};
}

Json of(const Operation& operation) {
    return {{"operation", operation.id},
            {"title", operation.title},
            {"state", to_string(operation.state)},
            {"stage", to_string(operation.stage)},
            {"request", of(operation.request)},
            {"stages", list_of(operation.stages)},
            {"checks", list_of(operation.checks)},
            {"plan", operation.plan_hash},
            {"from_generation", operation.from},
            {"to_generation", operation.to},
            {"started", to_iso8601(operation.started)},
            {"ended", of(operation.ended)},
            {"interruption_ms", operation.interruption.count()},
            {"reboots", operation.reboots},
            {"notes", operation.notes},
            {"warnings", operation.warnings},
            {"commit_deadline", of(operation.commit_deadline)},
            {"error", of(operation.error)}};
}

Json marks(const DeviceState& state) {
    return {{"running", marked(state, state.marks.running)},
            {"startup", marked(state, state.marks.startup)},
            {"committed", marked(state, state.marks.committed)},
            {"active_slot", to_string(state.active_slot)},
            {"standby", standby(state)}};
}

}  // namespace

std::string version(const DeviceState& state) { return dump(marks(state)); }

std::string generations(const DeviceState& state) {
    auto list = Json::array();
    for (const auto& generation : state.generations) list.push_back(of(generation, state));
    return dump({{"generations", list}});
}

std::string packages(const DeviceState& state) {
    auto list = Json::array();
    for (const auto& row : with_base(state)) list.push_back(of(row, state));
    return dump({{"packages", list}});
}

std::string patches(const DeviceState& state) {
    auto list = Json::array();
    for (const auto& row : state.packages)
        if (row.package.kind == PackageKind::patch) list.push_back(of(row, state));
    return dump({{"patches", list}});
}

std::string health(const DeviceState& state) {
    const bool healthy = std::ranges::all_of(state.health, &HealthStatus::healthy);
    return dump({{"healthy", healthy},
                 {"checks", list_of(state.health)},
                 {"services", list_of(state.services)}});
}

std::string alarms(const DeviceState& state) { return dump({{"alarms", list_of(state.alarms)}}); }

std::string status(const DeviceState& state) {
    Json json{{"device", state.device_name},
              {"hardware", state.hardware},
              {"serial", state.serial},
              {"agent_version", state.agent_version},
              {"epoch", state.epoch},
              {"boot_reason", state.boot_reason},
              {"operation", state.current ? of(*state.current) : Json()},
              {"healthy", std::ranges::all_of(state.health, &HealthStatus::healthy)},
              {"services", list_of(state.services)},
              {"alarms", list_of(state.alarms)},
              {"slots", list_of(state.slots)},
              {"last_event", state.last_event}};
    json.update(marks(state));
    return dump(json);
}

std::string startup(const DeviceState& state) {
    Json json{{"startup", marked(state, state.marks.startup)},
              {"differs_from_running", state.marks.startup != state.marks.running}};
    return dump(json);
}

std::string overview(const DeviceState& state) {
    auto list = Json::array();
    for (const auto& next : next_commands(state))
        list.push_back({{"command", next.command}, {"purpose", next.purpose}});
    return dump({{"device", state.device_name},
                 {"doing", doing_now(state)},
                 {"operation", state.current ? of(*state.current) : Json()},
                 {"next", list}});
}

std::string operations(const std::vector<Operation>& operations) {
    return dump({{"operations", list_of(operations)}});
}

std::string operation(const Operation& operation) { return dump(of(operation)); }

std::string preview(const Preview& preview) {
    auto steps = Json::array();
    for (const auto& step : preview.steps)
        steps.push_back({{"stage", to_string(step.stage)},
                         {"order", step.order},
                         {"name", step.name},
                         {"description", step.description}});
    return dump({{"title", preview.title},
                 {"plan", preview.plan_hash},
                 {"checks", list_of(preview.checks)},
                 {"steps", steps},
                 {"notes", preview.notes},
                 {"interrupts", preview.interrupts},
                 {"error", of(preview.error)}});
}

std::string lines(std::string_view name, const std::vector<std::string>& lines) {
    return dump({{std::string(name), lines}});
}

std::string error(const Error& error, ExitCode code) {
    return dump({{"type", "error"}, {"error", of(error)}, {"exit_code", to_int(code)}});
}

std::string started(OperationId operation) {
    return dump({{"type", "started"}, {"operation", operation}});
}

std::string event(const Event& event) {
    return dump({{"type", "event"},
                 {"sequence", event.sequence},
                 {"time", to_iso8601(event.time)},
                 {"event", event.type},
                 {"operation", event.operation},
                 {"text", event.text}});
}

std::string progress(const Progress& progress) {
    return dump({{"type", "progress"},
                 {"operation", progress.operation},
                 {"stage", to_string(progress.stage)},
                 {"step", progress.step},
                 {"done_bytes", progress.done_bytes},
                 {"total_bytes", progress.total_bytes},
                 {"bytes_per_second", progress.bytes_per_second}});
}

std::string restarting(OperationId operation) {
    return dump({{"type", "restarting"}, {"operation", operation}});
}

std::string result(const Operation& operation, ExitCode code) {
    return dump({{"type", "result"}, {"exit_code", to_int(code)}, {"operation", of(operation)}});
}

std::string result(const Operation& operation, ExitCode code,
                   const std::vector<PackageResult>& packages) {
    auto list = Json::array();
    for (const auto& each : packages) {
        auto package = of(each.package);
        package["result"] = each.result;
        package["why"] = each.why;
        list.push_back(std::move(package));
    }
    return dump({{"type", "result"},
                 {"exit_code", to_int(code)},
                 {"operation", of(operation)},
                 {"packages", list}});
}

}  // namespace cutover::cli::json
