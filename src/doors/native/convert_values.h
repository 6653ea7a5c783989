#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "cutover/v1/device.pb.h"
#include "doors/native/convert.h"
#include "doors/native/errors.h"
#include "model/device.h"

// What the conversions of convert.h are made of; for their .cpp files only. They assign field by
// field: GCC 12 leaks what a braced initialiser has built so far when a TRY inside it returns.
namespace cutover::wire {

v1::PackageRef from(const PackageRef& package);
v1::Generation from(const Generation& generation);
v1::SlotStatus from(const SlotStatus& slot);
v1::PackageStatus from(const PackageStatus& package);
v1::ServiceStatus from(const ServiceStatus& service);
v1::HealthStatus from(const HealthStatus& health);
v1::Alarm from(const Alarm& alarm);
v1::Event from(const Event& event);
v1::Progress from(const Progress& progress);
v1::CheckResult from(const CheckResult& check);
v1::PlannedStep from(const PlannedStep& step);
v1::StageRecord from(const StageRecord& record);

Result<PackageRef> to_model(const v1::PackageRef& wire);
Result<Generation> to_model(const v1::Generation& wire);
Result<SlotStatus> to_model(const v1::SlotStatus& wire);
Result<PackageStatus> to_model(const v1::PackageStatus& wire);
Result<ServiceStatus> to_model(const v1::ServiceStatus& wire);
Result<HealthStatus> to_model(const v1::HealthStatus& wire);
Result<Alarm> to_model(const v1::Alarm& wire);
Result<Event> to_model(const v1::Event& wire);
Result<Progress> to_model(const v1::Progress& wire);
Result<CheckResult> to_model(const v1::CheckResult& wire);
Result<PlannedStep> to_model(const v1::PlannedStep& wire);
Result<StageRecord> to_model(const v1::StageRecord& wire);

google::protobuf::Timestamp from(WallTime time);
Result<WallTime> to_model(const google::protobuf::Timestamp& wire);
google::protobuf::Duration duration_from(std::chrono::milliseconds duration);
Result<std::chrono::milliseconds> to_model(const google::protobuf::Duration& wire);

// Text as protobuf wants it: a script's output or a file's name need not be UTF-8.
std::string text(std::string_view bytes);

// Every enumeration of device.proto lists the model's enumerators in the model's order, after its
// own zero; the round-trip test walks through all of them.
template <typename Wire, typename Model>
Wire enum_from(Model value) {
    return static_cast<Wire>(std::to_underlying(value) + 1);
}

template <typename Model, typename Wire>
Result<Model> enum_to(Wire value, Model last, std::string_view what) {
    const auto number = static_cast<int>(value);
    if (number < 1 || number > std::to_underlying(last) + 1)
        return fail(errors::door_bad_request, "{} number {} is not known", what, number);
    return static_cast<Model>(number - 1);
}

template <typename Wires, typename Models>
void fill(Wires& wires, const Models& models) {
    wires.Reserve(static_cast<int>(models.size()));
    for (const auto& model : models) *wires.Add() = from(model);
}

template <typename Model, typename Wires>
Result<std::vector<Model>> list(const Wires& wires) {
    std::vector<Model> models;
    models.reserve(static_cast<std::size_t>(wires.size()));
    for (const auto& wire : wires) models.push_back(TRY(to_model(wire)));
    return models;
}

}  // namespace cutover::wire
