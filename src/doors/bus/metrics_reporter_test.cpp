#include "doors/bus/metrics_reporter.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "dmi/hw_metrics_mgmt_service.pb.h"
#include "doors/dmi/metrics.h"
#include "doors/dmi/settings.h"
#include "model/device_config.h"

namespace cutover {
namespace {

struct FiguresForTheBus : testing::Test {
    Result<TempFolder> folder = TempFolder::create(testing::TempDir(), "figures");
    std::unique_ptr<Log> log = Log::silent();
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> sent;

    MetricsReporter::Options options(EventEncoding encoding) {
        return {.folder = folder->path(),
                .device_uuid = "u-1",
                .encoding = encoding,
                .send = [this](const std::string& message) {
                    const std::lock_guard lock(mutex);
                    sent.push_back(message);
                    changed.notify_all();
                }};
    }
    bool have(std::size_t count) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, std::chrono::seconds(30),
                                [&] { return sent.size() >= count; });
    }
};

TEST_F(FiguresForTheBus, AreMetricsOfTheDevice) {
    const MetricsReporter reporter(options(EventEncoding::protobuf), *log);
    ASSERT_TRUE(have(7));
    ::dmi::Metric metric;
    ASSERT_TRUE(metric.ParseFromString(sent.front()));
    EXPECT_EQ(metric.metric_id(), ::dmi::METRIC_CPU_USAGE_PERCENTAGE);
    EXPECT_EQ(metric.metric_metadata().device_uuid().uuid(), "u-1");
}

TEST_F(FiguresForTheBus, AreJsonWhereThatIsWanted) {
    const MetricsReporter reporter(options(EventEncoding::json), *log);
    ASSERT_TRUE(have(1));
    EXPECT_TRUE(sent.front().starts_with("{\"metric_id\":101,")) << sent.front();
}

TEST_F(FiguresForTheBus, AreThoseThatAClientHasAskedFor) {
    auto config = dmi_wire::usual_metrics();
    for (auto& metric : *config.mutable_metrics())
        metric.set_is_configured(metric.metric_id() == ::dmi::METRIC_RAM_USAGE);
    config.mutable_metrics(5)->set_poll_interval(1);
    DoorSettings settings(folder->path() / "dmi");
    ASSERT_TRUE(dmi_wire::keep_metrics_config(settings, config));
    const MetricsReporter reporter(options(EventEncoding::protobuf), *log);
    ASSERT_TRUE(have(2));
    const std::lock_guard lock(mutex);
    for (const auto& message : sent) {
        ::dmi::Metric metric;
        ASSERT_TRUE(metric.ParseFromString(message));
        EXPECT_EQ(metric.metric_id(), ::dmi::METRIC_RAM_USAGE);
    }
}

}  // namespace
}  // namespace cutover
