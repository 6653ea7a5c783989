#include "doors/dmi/metrics.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "dmi/commons.pb.h"
#include "dmi/hw_metrics_mgmt_service.pb.h"
#include "doors/dmi/machine_load.h"
#include "doors/dmi/settings.h"

namespace cutover::dmi_wire {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Reply = ::dmi::MetricsConfigurationResponse;

constexpr std::size_t kMetrics = 7;

::dmi::MetricsConfig one(::dmi::MetricNames id, bool configured, std::uint32_t interval) {
    ::dmi::MetricsConfig config;
    auto& metric = *config.add_metrics();
    metric.set_metric_id(id);
    metric.set_is_configured(configured);
    metric.set_poll_interval(interval);
    return config;
}

const MachineFigures kFigures{
    .cpu_percent = 12.5, .memory_bytes = 1000, .memory_used = 250, .disk_bytes = 0, .disk_used = 0};

TEST(Metrics, EachIsToldWithItsComponentAndInterval) {
    auto config = usual_metrics();
    (void)change_metrics(config, one(::dmi::METRIC_RAM_USAGE_PERCENTAGE, true, 60));
    const auto metrics = measure(kFigures, "u-1", config);
    ASSERT_THAT(metrics, SizeIs(kMetrics));
    const auto& memory = metrics.back();
    EXPECT_EQ(memory.metric_id(), ::dmi::METRIC_RAM_USAGE_PERCENTAGE);
    EXPECT_EQ(memory.metric_metadata().device_uuid().uuid(), "u-1");
    EXPECT_EQ(memory.metric_metadata().component_name(), "memory");
    EXPECT_EQ(memory.value().value(), 25);
    EXPECT_EQ(memory.value().value_update_rate(), 60'000U);
    EXPECT_EQ(metrics.front().value().value_update_rate(), 10'000U);
}

TEST(Metrics, AChangeIsMadeWholeOrNotAtAll) {
    auto config = usual_metrics();
    auto changes = one(::dmi::METRIC_DISK_USAGE, false, 0);
    *changes.add_metrics() = one(::dmi::METRIC_FAN_SPEED, true, 5).metrics(0);
    EXPECT_EQ(change_metrics(config, changes).reason(), Reply::INVALID_METRIC);
    EXPECT_EQ(change_metrics(config, one(::dmi::METRIC_DISK_USAGE, true, 100'000)).reason(),
              Reply::POLL_INTERVAL_UNSUPPORTED);
    EXPECT_EQ(config.SerializeAsString(), usual_metrics().SerializeAsString());
    EXPECT_EQ(change_metrics(config, one(::dmi::METRIC_DISK_USAGE, false, 0)).status(),
              ::dmi::OK_STATUS);
    EXPECT_FALSE(config.metrics(2).is_configured());
    EXPECT_EQ(config.metrics(2).poll_interval(), 10U) << "none was named";
}

TEST(Metrics, AChangeIsKept) {
    const auto folder = TempFolder::create(testing::TempDir(), "metrics");
    DoorSettings settings(folder->path() / "dmi");
    EXPECT_THAT(read_metrics_config(settings)->metrics(), SizeIs(kMetrics));
    auto config = usual_metrics();
    (void)change_metrics(config, one(::dmi::METRIC_CPU_USAGE_PERCENTAGE, true, 3));
    ASSERT_TRUE(keep_metrics_config(settings, config));
    EXPECT_EQ(read_metrics_config(settings)->metrics(0).poll_interval(), 3U);
}

TEST(Metrics, EachComesInItsTimeAndNoneIsMadeUpFor) {
    MetricSchedule schedule;
    auto config = one(::dmi::METRIC_DISK_USAGE, true, 10);
    *config.add_metrics() = one(::dmi::METRIC_RAM_USAGE, true, 3).metrics(0);
    *config.add_metrics() = one(::dmi::METRIC_RAM_CAPACITY, false, 1).metrics(0);
    const MetricSchedule::Time begin{};
    EXPECT_THAT(schedule.due(config, begin),
                ElementsAre(::dmi::METRIC_DISK_USAGE, ::dmi::METRIC_RAM_USAGE));
    EXPECT_THAT(schedule.due(config, begin + seconds(2)), IsEmpty());
    EXPECT_THAT(schedule.due(config, begin + seconds(4)), ElementsAre(::dmi::METRIC_RAM_USAGE));
    EXPECT_THAT(schedule.due(config, begin + seconds(6)), ElementsAre(::dmi::METRIC_RAM_USAGE))
        << "in step";
    EXPECT_THAT(schedule.due(config, begin + seconds(100)), SizeIs(2));
    EXPECT_THAT(schedule.due(config, begin + seconds(101)), IsEmpty());
}

}  // namespace
}  // namespace cutover::dmi_wire
