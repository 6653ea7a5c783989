#include "doors/metrics/collector.h"

#include <chrono>
#include <expected>
#include <mutex>
#include <prometheus/metric_family.h>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "doors/metrics/device_metrics.h"
#include "doors/metrics/metrics_door.h"
#include "doors/metrics/operation_tally.h"
#include "model/device.h"
#include "model/event.h"

namespace cutover {
namespace {

constexpr std::chrono::seconds kFresh{1};
constexpr int kLookedThrough = 200;  // operations: as many as an agent has at hand

}  // namespace

Collector::Collector(Device& device, Log& log, MetricsDoor::Options options)
    : device_(device), log_(log), options_(std::move(options)) {
    Result<> problem;
    tally_ = OperationTally::load(options_.folder / "metrics.json", problem);
    if (!problem)
        log_.warning("what was counted for metrics is lost", {{"error", problem.error().text()}});
    tally_.count_start();
    count_operations(true);
    thread_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
}

Collector::~Collector() = default;

void Collector::follow(const std::stop_token& stop) {
    const auto state = device_.state();
    const auto ended = device_.follow(
        {.after_sequence = state ? state->last_event : 0},
        [this](const FeedItem& item) {
            take(item);
            return true;
        },
        stop);
    // The agent ends, and this with it.
    static_cast<void>(ended.has_value());
}

void Collector::take(const FeedItem& item) {
    if (const auto* const progress = std::get_if<Progress>(&item)) return take(*progress);
    if (std::get<Event>(item).type.starts_with("operation.")) count_operations(false);
}

void Collector::take(const Progress& progress) {
    const std::lock_guard lock(mutex_);
    const bool same = progress_ && progress_->operation == progress.operation &&
                      progress_->step == progress.step &&
                      progress_->done_bytes <= progress.done_bytes;
    step_bytes_ += progress.done_bytes - (same ? progress_->done_bytes : 0);
    progress_ = progress;
}

void Collector::count_operations(bool keep_anyhow) {
    auto operations = device_.operations(kLookedThrough);
    if (!operations) return;
    const std::lock_guard lock(mutex_);
    if (!tally_.add(std::move(*operations)) && !keep_anyhow) return;
    const auto saved = tally_.save();
    if (!saved && !std::exchange(told_, true))
        log_.warning("what is counted for metrics is not kept", {{"error", saved.error().text()}});
}

std::vector<prometheus::MetricFamily> Collector::Collect() const {
    const std::lock_guard scraping(scrape_);
    const auto now = std::chrono::steady_clock::now();
    if (cached_ && now < *cached_ + kFresh) return cache_;
    auto state = device_.state();
    if (!state) return {};  // the agent ends
    MetricsSnapshot snapshot{.state = std::move(*state),
                             .tally = {},
                             .progress = {},
                             .step_bytes = 0,
                             .delivery = {},
                             .engine_alive = !options_.engine_alive || options_.engine_alive(),
                             .watchdog = options_.watchdog,
                             .folder = options_.folder};
    if (options_.delivery) snapshot.delivery = options_.delivery();
    {
        const std::lock_guard lock(mutex_);
        snapshot.tally = tally_;
        snapshot.progress = progress_;
        snapshot.step_bytes = step_bytes_;
    }
    cache_ = device_metrics(snapshot);
    cached_ = now;
    return cache_;
}

}  // namespace cutover
