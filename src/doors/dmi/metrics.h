#pragma once

#include <chrono>
#include <map>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dmi/hw_metrics_mgmt_service.pb.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/settings.h"

// The figures that a device tells of itself, on streams and on a message bus.
namespace cutover::dmi_wire {

// All that there are, with the interval that each is told at.
::dmi::MetricsConfig usual_metrics();

// The usual ones, with what a client has changed; in the door's settings.
Result<::dmi::MetricsConfig> read_metrics_config(const DoorSettings& settings);
Result<> keep_metrics_config(DoorSettings& settings, const ::dmi::MetricsConfig& config);

// `config` with `changes`; ::dmi::MetricsConfigurationResponse has the reasons for a no.
::dmi::MetricsConfigurationResponse change_metrics(::dmi::MetricsConfig& config,
                                                   const ::dmi::MetricsConfig& changes);

// One of each, as of now.
std::vector<::dmi::Metric> measure(const MachineFigures& figures, std::string_view device_uuid,
                                   const ::dmi::MetricsConfig& config);

// When which of them is to be told.
class MetricSchedule {
public:
    using Time = std::chrono::steady_clock::time_point;

    // Those whose time has come, once; in the beginning, all that are configured.
    std::vector<::dmi::MetricNames> due(const ::dmi::MetricsConfig& config, Time now);

private:
    std::map<::dmi::MetricNames, Time> told_;
};

}  // namespace cutover::dmi_wire
