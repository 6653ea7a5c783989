#include "doors/dmi/metrics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "dmi/commons.pb.h"
#include "dmi/hw.pb.h"
#include "dmi/hw_metrics_mgmt_service.pb.h"
#include "doors/dmi/event_message.h"
#include "doors/dmi/inventory.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/settings.h"

namespace cutover::dmi_wire {
namespace {

constexpr std::string_view kFile = "metrics";
constexpr std::uint32_t kUsualSeconds = 10;
constexpr std::uint32_t kMostSeconds = 24 * 60 * 60;

double share(std::uint64_t part, std::uint64_t whole) {
    constexpr double kHundred = 100;
    return whole == 0 ? 0 : kHundred * static_cast<double>(part) / static_cast<double>(whole);
}

double used_memory(const MachineFigures& figures) {
    return static_cast<double>(figures.memory_used);
}
double used_disk(const MachineFigures& figures) { return static_cast<double>(figures.disk_used); }

struct Row {
    ::dmi::MetricNames id;
    std::string_view component;
    ::dmi::DataValueType type;
    double (*value)(const MachineFigures& figures);
};

constexpr std::array kRows{
    Row{::dmi::METRIC_CPU_USAGE_PERCENTAGE, kCpu, ::dmi::VALUE_TYPE_PERCENT,
        [](const MachineFigures& figures) { return figures.cpu_percent; }},
    Row{::dmi::METRIC_DISK_CAPACITY, kDisk, ::dmi::VALUE_TYPE_BYTES,
        [](const MachineFigures& figures) { return static_cast<double>(figures.disk_bytes); }},
    Row{::dmi::METRIC_DISK_USAGE, kDisk, ::dmi::VALUE_TYPE_BYTES, used_disk},
    Row{::dmi::METRIC_DISK_USAGE_PERCENTAGE, kDisk, ::dmi::VALUE_TYPE_PERCENT,
        [](const MachineFigures& figures) { return share(figures.disk_used, figures.disk_bytes); }},
    Row{::dmi::METRIC_RAM_CAPACITY, kMemory, ::dmi::VALUE_TYPE_BYTES,
        [](const MachineFigures& figures) { return static_cast<double>(figures.memory_bytes); }},
    Row{::dmi::METRIC_RAM_USAGE, kMemory, ::dmi::VALUE_TYPE_BYTES, used_memory},
    Row{::dmi::METRIC_RAM_USAGE_PERCENTAGE, kMemory, ::dmi::VALUE_TYPE_PERCENT,
        [](const MachineFigures& figures) {
            return share(figures.memory_used, figures.memory_bytes);
        }},
};

::dmi::MetricConfig* find(::dmi::MetricsConfig& config, ::dmi::MetricNames id) {
    for (auto& metric : *config.mutable_metrics())
        if (metric.metric_id() == id) return &metric;
    return nullptr;
}

}  // namespace

::dmi::MetricsConfig usual_metrics() {
    ::dmi::MetricsConfig config;
    for (const auto& row : kRows) {
        auto& metric = *config.add_metrics();
        metric.set_metric_id(row.id);
        metric.set_is_configured(true);
        metric.set_poll_interval(kUsualSeconds);
    }
    return config;
}

Result<::dmi::MetricsConfig> read_metrics_config(const DoorSettings& settings) {
    auto config = usual_metrics();
    ::dmi::MetricsConfig kept;
    if (!TRY(settings.read(kFile, kept))) return config;
    (void)change_metrics(config, kept);  // one that there is no more changes nothing
    return config;
}

Result<> keep_metrics_config(DoorSettings& settings, const ::dmi::MetricsConfig& config) {
    return settings.keep(kFile, config);
}

::dmi::MetricsConfigurationResponse change_metrics(::dmi::MetricsConfig& config,
                                                   const ::dmi::MetricsConfig& changes) {
    using Reply = ::dmi::MetricsConfigurationResponse;
    Reply reply;
    const auto refuse = [&](Reply::Reason reason, const std::string& detail) {
        reply.set_status(::dmi::ERROR_STATUS);
        reply.set_reason(reason);
        reply.set_reason_detail(detail);
        return reply;
    };
    auto changed = config;
    for (const auto& change : changes.metrics()) {
        auto* const metric = find(changed, change.metric_id());
        if (!metric)
            return refuse(Reply::INVALID_METRIC,
                          "the device has no such metric; ListMetrics names those it has");
        const auto seconds = change.poll_interval();
        if (seconds > kMostSeconds)
            return refuse(Reply::POLL_INTERVAL_UNSUPPORTED,
                          fmt::format("poll_interval is at most {} seconds", kMostSeconds));
        metric->set_is_configured(change.is_configured());
        if (seconds > 0) metric->set_poll_interval(seconds);
    }
    config = changed;
    reply.set_status(::dmi::OK_STATUS);
    return reply;
}

std::vector<::dmi::Metric> measure(const MachineFigures& figures, std::string_view device_uuid,
                                   const ::dmi::MetricsConfig& config) {
    constexpr std::uint32_t kMilliseconds = 1000;
    auto intervals = config;
    std::vector<::dmi::Metric> metrics;
    for (const auto& row : kRows) {
        auto& metric = metrics.emplace_back();
        metric.set_metric_id(row.id);
        auto& about = *metric.mutable_metric_metadata();
        about.mutable_device_uuid()->set_uuid(std::string(device_uuid));
        about.mutable_component_uuid()->set_uuid(component_uuid(device_uuid, row.component));
        about.set_component_name(std::string(row.component));
        *metric.mutable_value() =
            sensor_data(row.value(figures), row.type, ::dmi::MetricNames_Name(row.id));
        if (const auto* const known = find(intervals, row.id))
            metric.mutable_value()->set_value_update_rate(known->poll_interval() * kMilliseconds);
    }
    return metrics;
}

std::vector<::dmi::MetricNames> MetricSchedule::due(const ::dmi::MetricsConfig& config, Time now) {
    std::vector<::dmi::MetricNames> ids;
    for (const auto& metric : config.metrics()) {
        if (!metric.is_configured()) continue;
        const auto told = told_.find(metric.metric_id());
        const std::chrono::seconds interval(std::max(metric.poll_interval(), 1U));
        if (told != told_.end() && now - told->second < interval) continue;
        // In step, but for a pause: then it is not made up for.
        const bool in_step = told != told_.end() && now - told->second < 2 * interval;
        told_.insert_or_assign(metric.metric_id(), in_step ? told->second + interval : now);
        ids.push_back(metric.metric_id());
    }
    return ids;
}

}  // namespace cutover::dmi_wire
