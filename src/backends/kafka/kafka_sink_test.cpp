// The sink against librdkafka's own stand-in for a cluster, which answers on loopback.

#include "backends/kafka/kafka_sink.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "events/event_sink.h"
#include "store/outbox.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr auto kTopic = "dm.events";
constexpr int kBroker = 1;

using Seen = std::string;  // "key value id"

// One broker that can go away.
class MockCluster {
public:
    MockCluster() : host_(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0)) {
        cluster_ = rd_kafka_mock_cluster_new(host_, 1);
        rd_kafka_mock_topic_create(cluster_, kTopic, 3, 1);
    }
    ~MockCluster() {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(host_);
    }
    MockCluster(const MockCluster&) = delete;
    MockCluster& operator=(const MockCluster&) = delete;

    std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
    void go_away() { rd_kafka_mock_broker_set_down(cluster_, kBroker); }
    void come_back() { rd_kafka_mock_broker_set_up(cluster_, kBroker); }
    void refuse_once(rd_kafka_resp_err_t error) {
        constexpr std::int16_t kProduce = 0;
        rd_kafka_mock_push_request_errors(cluster_, kProduce, 1, error);
    }

    // The first `count` messages of all partitions, in the order of each.
    std::vector<Seen> read(std::size_t count) const {
        auto* conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", brokers().c_str(), nullptr, 0);
        rd_kafka_conf_set(conf, "group.id", "test", nullptr, 0);
        auto* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
        rd_kafka_poll_set_consumer(consumer);
        auto* parts = rd_kafka_topic_partition_list_new(3);
        for (int part = 0; part < 3; ++part)
            rd_kafka_topic_partition_list_add(parts, kTopic, part)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_assign(consumer, parts);
        rd_kafka_topic_partition_list_destroy(parts);
        std::vector<Seen> seen;
        for (int empty = 0; seen.size() < count && empty < 200;) {
            auto* message = rd_kafka_consumer_poll(consumer, 100);
            if (message == nullptr && ++empty > 0) continue;
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) seen.push_back(seen_of(message));
            rd_kafka_message_destroy(message);
        }
        rd_kafka_consumer_close(consumer);
        rd_kafka_destroy(consumer);
        return seen;
    }

private:
    static std::string text(const void* data, std::size_t size) {
        return {static_cast<const char*>(data), size};
    }
    static Seen seen_of(const rd_kafka_message_t* message) {
        rd_kafka_headers_t* headers = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_header_get_last(headers, "cutover-id", &value, &size);
        return text(message->key, message->key_len) + " " + text(message->payload, message->len) +
               " " + text(value, size);
    }

    rd_kafka_t* host_;
    rd_kafka_mock_cluster_t* cluster_;
};

class KafkaSinkTest : public testing::Test {
protected:
    KafkaSink::Options options() const {
        return {.brokers = cluster_.brokers(),
                .topic = kTopic,
                .key = "device-7",
                .settings = {{"reconnect.backoff.ms", "10"}},
                .patience = milliseconds(500)};
    }
    Result<std::unique_ptr<EventSink>> open(const KafkaSink::Options& how) {
        return KafkaSink::open(
            how,
            [](const OutboxEvent& event) -> std::vector<std::string> {
                if (event.event.text == "nothing") return {};
                return {event.event.text, event.event.text + "!"};
            },
            *log_);
    }
    static std::vector<OutboxEvent> events(int first, int count) {
        std::vector<OutboxEvent> result;
        for (int i = first; i < first + count; ++i)
            result.push_back({.sequence = i, .event = {.text = "e" + std::to_string(i)}});
        return result;
    }
    static std::vector<Seen> expected(int first, int count) {
        std::vector<Seen> result;
        for (int i = first; i < first + count; ++i) {
            result.push_back(fmt::format("device-7 e{0} {0}.0", i));
            result.push_back(fmt::format("device-7 e{0}! {0}.1", i));
        }
        return result;
    }
    // Until all are acknowledged, as the deliverer does.
    void deliver(EventSink& sink, const std::vector<OutboxEvent>& batch) {
        std::size_t done = 0;
        for (int attempts = 0; done < batch.size() && attempts < 60; ++attempts)
            done += sink.publish(std::span(batch).subspan(done), stop_.get_token()).acknowledged;
        EXPECT_EQ(done, batch.size());
    }

    MockCluster cluster_;
    std::unique_ptr<Log> log_ = Log::silent();
    std::stop_source stop_;
};

TEST_F(KafkaSinkTest, EventsOfADeviceArriveInOrderUnderItsKeyEachWithItsId) {
    const auto sink = open(options());
    ASSERT_TRUE(sink) << sink.error().text();
    deliver(**sink, events(1, 100));
    deliver(**sink, events(101, 50));
    EXPECT_THAT(cluster_.read(300), testing::ElementsAreArray(expected(1, 150)));
}

TEST_F(KafkaSinkTest, ABrokerThatIsAwayIsToldAndNothingIsSentTwiceWhenItComesBack) {
    const auto sink = open(options()).value();
    deliver(*sink, events(1, 3));
    cluster_.go_away();
    const auto batch = events(4, 5);
    for (int attempts = 0; attempts < 3; ++attempts) {
        const auto published = sink->publish(batch, stop_.get_token());
        EXPECT_EQ(published.acknowledged, 0U);
        ASSERT_TRUE(published.error);
        EXPECT_EQ(published.error->id, "kafka.unreachable");
    }
    cluster_.come_back();
    deliver(*sink, batch);
    deliver(*sink, events(9, 1));
    EXPECT_EQ(cluster_.read(18), expected(1, 9));
}

TEST_F(KafkaSinkTest, AWishToStopIsHeardWhileTheBrokerIsAway) {
    cluster_.go_away();
    auto how = options();
    how.patience = std::chrono::minutes(5);
    const auto sink = open(how).value();
    stop_.request_stop();
    const auto batch = events(1, 1);
    EXPECT_EQ(sink->publish(batch, stop_.get_token()).acknowledged, 0U);
}

TEST_F(KafkaSinkTest, WhatIsRefusedIsSentAgainByANewProducer) {
    const auto sink = open(options()).value();
    deliver(*sink, events(1, 2));
    cluster_.refuse_once(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    const auto batch = events(3, 1);
    const auto refused = sink->publish(batch, stop_.get_token());
    EXPECT_EQ(refused.acknowledged, 0U);
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->id, "kafka.refused");
    EXPECT_THAT(refused.error->text(), HasSubstr("dm.events"));
    deliver(*sink, batch);
    EXPECT_EQ(cluster_.read(6), expected(1, 3));
}

TEST_F(KafkaSinkTest, AnEventThatNobodyIsToldOfIsDoneWith) {
    const auto sink = open(options()).value();
    const std::vector<OutboxEvent> batch{{.sequence = 1, .event = {.text = "nothing"}}};
    EXPECT_EQ(sink->publish(batch, stop_.get_token()).acknowledged, 1U);
}

TEST_F(KafkaSinkTest, SettingsAreCheckedAndThoseThatOrderDependsOnStay) {
    auto how = options();
    how.settings = {{"security.protokol", "ssl"}};
    EXPECT_EQ(open(how).error().id, "kafka.bad_setting");
    how.settings = {{"enable.idempotence", "false"}};
    EXPECT_THAT(open(how).error().message, HasSubstr("enable.idempotence"));
    how.settings = {{"acks", "1"}};
    EXPECT_EQ(open(how).error().id, "kafka.bad_setting");
}

TEST_F(KafkaSinkTest, ASecretIsNotRepeatedByAnError) {
    const auto folder = TempFolder::create(testing::TempDir(), "kafka");
    auto how = options();
    how.secrets = folder->path() / "secrets";
    ASSERT_TRUE(write_file_durably(how.secrets, "security.protocol=hunter2\n", 0600));
    const auto wrong = open(how);
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().text(), testing::Not(HasSubstr("hunter2")));
    EXPECT_THAT(wrong.error().text(), HasSubstr("security.protocol"));
}

}  // namespace
}  // namespace cutover
