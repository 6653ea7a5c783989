#include "backends/kafka/metrics_topic.h"

#include <array>
#include <cstddef>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <string>
#include <utility>

#include "backends/kafka/errors.h"
#include "backends/kafka/kafka_conf.h"
#include "base/error.h"
#include "base/log.h"

namespace cutover {
namespace {

constexpr std::size_t kErrorText = 512;

// What memory depends on. No order and no repetition: the next figures are more than the last.
constexpr std::array<std::pair<const char*, const char*>, 8> kOurs{{
    {"enable.idempotence", "false"},
    {"retries", "2"},
    {"linger.ms", "100"},
    {"queue.buffering.max.messages", "500"},
    {"queue.buffering.max.kbytes", "1024"},
    {"reconnect.backoff.max.ms", "10000"},
    {"log.connection.close", "false"},
    {"log.queue", "true"},
}};

}  // namespace

void MetricsTopic::Close::operator()(rd_kafka_t* producer) const {
    rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                 RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(producer);
}

Result<std::unique_ptr<MetricsTopic>> MetricsTopic::open(const Options& options, Log& log) {
    std::unique_ptr<MetricsTopic> topic(new MetricsTopic(options, log));
    TRY(topic->connect());
    return topic;
}

MetricsTopic::MetricsTopic(Options options, Log& log) : options_(std::move(options)), log_(log) {}

MetricsTopic::~MetricsTopic() = default;

Result<> MetricsTopic::connect() {
    auto conf = TRY(make_conf(options_.brokers, options_.settings, options_.secrets));
    for (const auto& [name, value] : kOurs) TRY(set(conf.get(), name, value));
    TRY(set(conf.get(), "message.timeout.ms", std::to_string(options_.patience_ms)));
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &MetricsTopic::on_delivered);
    rd_kafka_conf_set_log_cb(conf.get(), &MetricsTopic::on_log);
    std::array<char, kErrorText> text{};
    producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), text.data(), text.size()));
    if (!producer_) return fail(errors::kafka_bad_setting, "{}", text.data());
    (void)conf.release();  // the producer has it now
    rd_kafka_set_log_queue(producer_.get(), nullptr);
    return {};
}

// A copy goes into the library's queue, or nowhere when that is full.
void MetricsTopic::send(const std::string& message) {
    std::array<rd_kafka_vu_t, 4> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = options_.topic.c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_KEY;
    parts[1].u.mem = {.ptr = options_.key.data(), .size = options_.key.size()};
    parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[2].u.mem = {.ptr = const_cast<char*>(message.data()), .size = message.size()};
    parts[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[3].u.i = RD_KAFKA_MSG_F_COPY;
    if (auto* const error = rd_kafka_produceva(producer_.get(), parts.data(), parts.size())) {
        drop(rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    look_around();
}

void MetricsTopic::look_around() { rd_kafka_poll(producer_.get(), 0); }

void MetricsTopic::drop(const char* why) {
    ++dropped_;
    if (!std::exchange(told_, true))
        log_.warning("figures are dropped", {{"topic", options_.topic}, {"why", why}});
}

void MetricsTopic::on_delivered(rd_kafka_t* /*producer*/, const rd_kafka_message_t* message,
                                void* self) {
    auto& topic = *static_cast<MetricsTopic*>(self);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return topic.drop(rd_kafka_err2str(message->err));
    ++topic.arrived_;
    topic.told_ = false;
}

void MetricsTopic::on_log(const rd_kafka_t* producer, int /*level*/, const char* facility,
                          const char* text) {
    auto& topic = *static_cast<MetricsTopic*>(rd_kafka_opaque(producer));
    topic.log_.debug("kafka", {{"facility", facility}, {"said", text}});
}

}  // namespace cutover
