#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "doors/metrics/metrics_door.h"
#include "doors/metrics/operation_tally.h"
#include "model/device.h"
#include "model/event.h"

namespace cutover {

// Makes metrics of a device when somebody asks. A thread follows the device, so that what happens
// between two scrapes counts as well.
class Collector final : public prometheus::Collectable {
public:
    Collector(Device& device, Log& log, MetricsDoor::Options options);
    ~Collector() override;
    Collector(const Collector&) = delete;
    Collector& operator=(const Collector&) = delete;

    std::vector<prometheus::MetricFamily> Collect() const override;

private:
    void follow(const std::stop_token& stop);
    void take(const FeedItem& item);
    void take(const Progress& progress);
    void count_operations(bool keep_anyhow);

    Device& device_;
    Log& log_;
    MetricsDoor::Options options_;

    mutable std::mutex scrape_;  // held by the one who asks the device; guards the cache
    mutable std::vector<prometheus::MetricFamily> cache_;
    mutable std::optional<SteadyTime> cached_;

    mutable std::mutex mutex_;  // guards all below
    OperationTally tally_;
    bool told_ = false;  // that it cannot be kept
    std::optional<Progress> progress_;
    std::uint64_t step_bytes_ = 0;

    std::jthread thread_;  // last: it uses all above
};

}  // namespace cutover
