// Against librdkafka's own stand-in for a cluster, which answers on loopback.

#include "backends/kafka/metrics_topic.h"

#include <chrono>
#include <functional>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/log.h"

namespace cutover {
namespace {

using Clock = std::chrono::steady_clock;

struct FiguresOnKafka : testing::Test {
    rd_kafka_t* host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0);
    rd_kafka_mock_cluster_t* cluster = rd_kafka_mock_cluster_new(host, 1);
    std::unique_ptr<Log> log = Log::silent();

    ~FiguresOnKafka() override {
        rd_kafka_mock_cluster_destroy(cluster);
        rd_kafka_destroy(host);
    }
    MetricsTopic::Options options(int patience_ms = 20'000) const {
        return {.brokers = rd_kafka_mock_cluster_bootstraps(cluster),
                .topic = "dm.metrics",
                .key = "u-1",
                .settings = {},
                .secrets = {},
                .patience_ms = patience_ms};
    }
    static bool until(MetricsTopic& topic, const std::function<bool()>& condition) {
        const auto end = Clock::now() + std::chrono::seconds(30);
        while (!condition() && Clock::now() < end) {
            topic.look_around();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return condition();
    }
};

TEST_F(FiguresOnKafka, Arrive) {
    const auto topic = MetricsTopic::open(options(), *log).value();
    for (int i = 0; i < 10; ++i) topic->send("figure");
    EXPECT_TRUE(until(*topic, [&] { return topic->arrived() == 10; })) << topic->dropped();
}

TEST_F(FiguresOnKafka, AreDroppedWhileNobodyTakesThemAndSoonArriveAgain) {
    rd_kafka_mock_broker_set_down(cluster, 1);
    const auto topic = MetricsTopic::open(options(500), *log).value();
    const auto begun = Clock::now();
    for (int i = 0; i < 2000; ++i) topic->send("figure");
    EXPECT_LT(Clock::now() - begun, std::chrono::seconds(5)) << "nobody waits";
    EXPECT_GE(topic->dropped(), 1500U) << "what waits is bounded";
    EXPECT_TRUE(until(*topic, [&] { return topic->dropped() == 2000; })) << "and not for long";
    rd_kafka_mock_broker_set_up(cluster, 1);
    EXPECT_TRUE(until(*topic, [&] {
        topic->send("figure");
        return topic->arrived() > 0;
    }));
}

TEST_F(FiguresOnKafka, WithASettingThatIsNoneAreAnError) {
    auto wrong = options();
    wrong.settings = {{"no.such.setting", "1"}};
    EXPECT_EQ(MetricsTopic::open(wrong, *log).error().id, "kafka.bad_setting");
}

}  // namespace
}  // namespace cutover
