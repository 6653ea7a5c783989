#include "doors/bus/metrics_reporter.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "doors/bus/go_json.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/metrics.h"
#include "doors/dmi/settings.h"
#include "model/device_config.h"

namespace cutover {
namespace {

constexpr std::chrono::seconds kLookAround{1};

}  // namespace

MetricsReporter::MetricsReporter(Options options, Log& log)
    : options_(std::move(options)),
      log_(log),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

void MetricsReporter::work(const std::stop_token& stop) {
    const DoorSettings settings(options_.folder / "dmi");
    MachineLoad load(options_.folder);
    dmi_wire::MetricSchedule schedule;
    const auto tell = [&]() -> Result<> {
        const auto config = TRY(dmi_wire::read_metrics_config(settings));
        const auto due = schedule.due(config, std::chrono::steady_clock::now());
        if (due.empty()) return {};
        const auto figures = TRY(load.figures());
        for (const auto& metric : dmi_wire::measure(figures, options_.device_uuid, config))
            if (std::ranges::find(due, metric.metric_id()) != due.end())
                options_.send(options_.encoding == EventEncoding::json
                                  ? go_json(metric)
                                  : metric.SerializeAsString());
        return {};
    };
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
        if (const auto told = tell(); !told)
            log_.debug("no figures for the message bus", {{"error", told.error().text()}});
        options_.look_around();
        never.wait_for(lock, stop, kLookAround, [] { return false; });
    }
}

}  // namespace cutover
