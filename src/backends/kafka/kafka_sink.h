#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "backends/kafka/kafka_settings.h"
#include "base/error.h"
#include "base/log.h"
#include "events/event_sink.h"
#include "store/outbox.h"

struct rd_kafka_s;
struct rd_kafka_message_s;  // NOLINT(readability-identifier-naming): librdkafka's name

namespace cutover {

// A topic of Apache Kafka. An idempotent producer: while it lives, what it sends arrives once and
// in order, whatever the brokers do. Each message has the device's UUID as its key, so that those
// of one device stay in order, and a header `cutover-id`, by which a repetition is known.
class KafkaSink final : public EventSink {
public:
    struct Options {
        std::string brokers;  // "host:port,host:port"
        std::string topic;
        std::string key;
        KafkaSettings settings;         // of librdkafka
        std::filesystem::path secrets;  // a file of more of them; empty: none
        std::chrono::milliseconds patience{std::chrono::seconds(5)};  // of one publish()
    };

    // Connects to nobody yet. `log` outlives it.
    static Result<std::unique_ptr<EventSink>> open(const Options& options, EventEncoder encode,
                                                   Log& log);
    ~KafkaSink() override;
    KafkaSink(const KafkaSink&) = delete;
    KafkaSink& operator=(const KafkaSink&) = delete;

    Published publish(std::span<const OutboxEvent> batch, const std::stop_token& stop) override;

private:
    struct Close {
        void operator()(rd_kafka_s* producer) const;
    };
    // An event whose messages are on their way.
    struct InFlight {
        std::int64_t sequence = 0;
        std::size_t unacknowledged = 0;
    };

    KafkaSink(Options options, EventEncoder encode, Log& log);
    Result<> connect();
    Result<> send(const OutboxEvent& event);
    int produce(const std::string& message, const std::string& id, const OutboxEvent& event,
                InFlight& record);  // the library's code
    void await(std::int64_t last, const std::stop_token& stop);
    void give_up(Error error);

    static void on_delivered(rd_kafka_s* producer, const rd_kafka_message_s* message, void* self);
    static void on_error(rd_kafka_s* producer, int code, const char* reason, void* self);
    static void on_log(const rd_kafka_s* producer, int level, const char* facility,
                       const char* text);

    Options options_;
    EventEncoder encode_;
    Log& log_;
    std::deque<InFlight> in_flight_;  // in order; the producer points at its elements
    std::int64_t sent_ = 0;           // sequence number of the last event handed over
    std::int64_t arrived_ = 0;        // of the last that has arrived, with all before it
    std::string last_problem_;        // with the brokers, while none is well
    std::optional<Error> refused_;    // this producer can do no more
    std::unique_ptr<rd_kafka_s, Close> producer_;  // last: it uses all above
};

}  // namespace cutover
