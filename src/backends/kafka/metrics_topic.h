#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "backends/kafka/kafka_settings.h"
#include "base/error.h"
#include "base/log.h"

struct rd_kafka_s;
struct rd_kafka_message_s;  // NOLINT(readability-identifier-naming): librdkafka's name

namespace cutover {

// A topic of Apache Kafka for figures: the next ones are soon there. What does not arrive within
// seconds is dropped, what waits is bounded, and nobody ever waits. One thread.
class MetricsTopic {
public:
    struct Options {
        std::string brokers;  // "host:port,host:port"
        std::string topic;
        std::string key;
        KafkaSettings settings;         // of librdkafka
        std::filesystem::path secrets;  // a file of more of them; empty: none
        int patience_ms = 10'000;       // then it is dropped
    };

    // Connects to nobody yet. `log` outlives it.
    static Result<std::unique_ptr<MetricsTopic>> open(const Options& options, Log& log);
    ~MetricsTopic();
    MetricsTopic(const MetricsTopic&) = delete;
    MetricsTopic& operator=(const MetricsTopic&) = delete;

    void send(const std::string& message);
    void look_around();  // lets the library tell what came of those sent; now and then

    std::uint64_t arrived() const { return arrived_; }
    std::uint64_t dropped() const { return dropped_; }

private:
    struct Close {
        void operator()(rd_kafka_s* producer) const;
    };

    MetricsTopic(Options options, Log& log);
    Result<> connect();
    void drop(const char* why);
    static void on_delivered(rd_kafka_s* producer, const rd_kafka_message_s* message, void* self);
    static void on_log(const rd_kafka_s* producer, int level, const char* facility,
                       const char* text);

    Options options_;
    Log& log_;
    std::uint64_t arrived_ = 0;
    std::uint64_t dropped_ = 0;
    bool told_ = false;                            // that some are dropped, since the last arrived
    std::unique_ptr<rd_kafka_s, Close> producer_;  // last: it uses all above
};

}  // namespace cutover
