#include "doors/dmi/metrics_service.h"

#include <algorithm>
#include <chrono>
#include <expected>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "dmi/commons.pb.h"
#include "dmi/hw.pb.h"
#include "dmi/hw_metrics_mgmt_service.pb.h"
#include "doors/dmi/door_context.h"
#include "doors/dmi/errors.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/metrics.h"
#include "doors/dmi/reasons.h"
#include "model/device.h"

namespace cutover {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookAround{200};

template <typename Reply>
void set_error(Reply& reply, const Error& error) {
    reply.set_status(::dmi::ERROR_STATUS);
    reply.set_reason(error.id == errors::dmi_unknown_device.id ? Reply::UNKNOWN_DEVICE
                                                               : Reply::INTERNAL_ERROR);
    reply.set_reason_detail(dmi_wire::reason_detail(error));
}

}  // namespace

MetricsService::MetricsService(DoorContext& door, MachineLoad& load)
    : door_(door), load_(load), settings_(door.folder), config_(dmi_wire::usual_metrics()) {
    if (auto kept = dmi_wire::read_metrics_config(settings_))
        config_ = *std::move(kept);
    else
        door_.log.error("the figures' intervals are lost", {{"error", kept.error().text()}});
}

::dmi::MetricsConfig MetricsService::config() {
    const std::lock_guard lock(mutex_);
    return config_;
}

Result<std::vector<::dmi::Metric>> MetricsService::measure() {
    const auto state = TRY(door_.device.state());
    const auto figures = TRY(load_.figures());
    return dmi_wire::measure(figures, state.uuid, config());
}

grpc::Status MetricsService::ListMetrics(grpc::ServerContext* /*call*/,
                                         const ::dmi::HardwareID* request,
                                         ::dmi::ListMetricsResponse* reply) {
    if (const auto known = check_device(door_.device, request->uuid()); !known) {
        set_error(*reply, known.error());
        return grpc::Status::OK;
    }
    reply->set_status(::dmi::OK_STATUS);
    *reply->mutable_metrics() = config();
    return grpc::Status::OK;
}

grpc::Status MetricsService::UpdateMetricsConfiguration(
    grpc::ServerContext* /*call*/, const ::dmi::MetricsConfigurationRequest* request,
    ::dmi::MetricsConfigurationResponse* reply) {
    if (const auto known = check_device(door_.device, request->device_uuid()); !known) {
        set_error(*reply, known.error());
        return grpc::Status::OK;
    }
    const std::lock_guard lock(mutex_);
    auto wanted = request->reset_to_default() ? dmi_wire::usual_metrics() : config_;
    *reply = dmi_wire::change_metrics(wanted, request->changes());
    if (reply->status() != ::dmi::OK_STATUS) return grpc::Status::OK;
    if (const auto kept = dmi_wire::keep_metrics_config(settings_, wanted); !kept) {
        set_error(*reply, kept.error());
        return grpc::Status::OK;
    }
    config_ = wanted;
    return grpc::Status::OK;
}

grpc::Status MetricsService::GetMetric(grpc::ServerContext* /*call*/,
                                       const ::dmi::GetMetricRequest* request,
                                       ::dmi::GetMetricResponse* reply) {
    using Reply = ::dmi::GetMetricResponse;
    const auto& about = request->meta_data();
    if (const auto known = check_device(door_.device, about.device_uuid()); !known) {
        set_error(*reply, known.error());
        return grpc::Status::OK;
    }
    const auto metrics = measure();
    if (!metrics) {
        set_error(*reply, metrics.error());
        return grpc::Status::OK;
    }
    const auto found = std::ranges::find(*metrics, request->metric_id(), &::dmi::Metric::metric_id);
    if (found == metrics->end()) {
        reply->set_status(::dmi::ERROR_STATUS);
        reply->set_reason(Reply::INVALID_METRIC);
        reply->set_reason_detail("the device has no such metric; ListMetrics names those it has");
        return grpc::Status::OK;
    }
    const auto& own = found->metric_metadata();
    const bool other_uuid = !about.component_uuid().uuid().empty() &&
                            about.component_uuid().uuid() != own.component_uuid().uuid();
    const bool other_name =
        !about.component_name().empty() && about.component_name() != own.component_name();
    if (other_uuid || other_name) {
        reply->set_status(::dmi::ERROR_STATUS);
        reply->set_reason(Reply::UNKNOWN_COMPONENT);
        reply->set_reason_detail("the metric is one of component " + own.component_name());
        return grpc::Status::OK;
    }
    reply->set_status(::dmi::OK_STATUS);
    *reply->mutable_metric() = *found;
    return grpc::Status::OK;
}

grpc::Status MetricsService::StreamMetrics(grpc::ServerContext* call, const Empty* /*request*/,
                                           grpc::ServerWriter<::dmi::Metric>* writer) {
    const StreamPlace place(door_, StreamPlace::kLeftByListeners);
    if (!place)
        return {grpc::StatusCode::RESOURCE_EXHAUSTED, "there are as many streams as may be"};
    const auto ending = door_.ending.get_token();
    dmi_wire::MetricSchedule schedule;
    while (!call->IsCancelled() && !ending.stop_requested()) {
        const auto due = schedule.due(config(), steady_clock::now());
        if (due.empty()) {
            std::this_thread::sleep_for(kLookAround);
            continue;
        }
        const auto metrics = measure();
        if (!metrics) return {grpc::StatusCode::UNAVAILABLE, "the figures cannot be read"};
        for (const auto& metric : *metrics)
            if (std::ranges::find(due, metric.metric_id()) != due.end() && !writer->Write(metric))
                return grpc::Status::CANCELLED;
    }
    if (ending.stop_requested())
        return {grpc::StatusCode::UNAVAILABLE, "the agent ends or the device restarts"};
    return grpc::Status::CANCELLED;
}

}  // namespace cutover
