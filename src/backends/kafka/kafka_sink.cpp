#include "backends/kafka/kafka_sink.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <librdkafka/rdkafka.h>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "backends/kafka/errors.h"
#include "backends/kafka/kafka_conf.h"
#include "base/error.h"
#include "base/log.h"
#include "events/event_sink.h"
#include "store/outbox.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr int kPollMs = 20;  // how late a wish to stop is seen
constexpr std::size_t kErrorText = 512;

// What delivery in order and memory depend on. No time-out: a message is sent until it arrives, for
// giving one up and sending it again later would change the order.
constexpr std::array<std::pair<const char*, const char*>, 10> kOurs{{
    {"enable.idempotence", "true"},
    {"message.timeout.ms", "0"},
    {"linger.ms", "5"},
    {"queue.buffering.max.messages", "4000"},
    {"queue.buffering.max.kbytes", "65536"},
    {"reconnect.backoff.max.ms", "5000"},
    {"socket.keepalive.enable", "true"},
    {"log.connection.close", "false"},
    {"log.queue", "true"},
    {"topic.metadata.propagation.max.ms", "10000"},
}};

bool is_ours(std::string_view name) {
    return name == "bootstrap.servers" || name == "metadata.broker.list" ||
           std::ranges::find(kOurs, name, &std::pair<const char*, const char*>::first) !=
               kOurs.end();
}

Error refused(int code) {
    return make_error(errors::kafka_refused,
                      rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code)));
}

}  // namespace

void KafkaSink::Close::operator()(rd_kafka_t* producer) const {
    // What was not acknowledged is published again by whoever comes next: nobody waits for it.
    rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                 RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(producer);
}

Result<std::unique_ptr<EventSink>> KafkaSink::open(const Options& options, EventEncoder encode,
                                                   Log& log) {
    std::unique_ptr<KafkaSink> sink(new KafkaSink(options, std::move(encode), log));
    TRY(sink->connect());
    return std::unique_ptr<EventSink>(std::move(sink));
}

KafkaSink::KafkaSink(Options options, EventEncoder encode, Log& log)
    : options_(std::move(options)), encode_(std::move(encode)), log_(log) {}

KafkaSink::~KafkaSink() = default;

// The library connects by itself, now and after every break, and meanwhile costs next to nothing.
Result<> KafkaSink::connect() {
    for (const auto& [name, value] : options_.settings)
        if (is_ours(name))
            return fail(errors::kafka_bad_setting, "'{}' is not to be set: order depends on it",
                        name);
    auto conf = TRY(make_conf(options_.brokers, options_.settings, options_.secrets));
    for (const auto& [name, value] : kOurs) TRY(set(conf.get(), name, value));
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &KafkaSink::on_delivered);
    rd_kafka_conf_set_error_cb(conf.get(), &KafkaSink::on_error);
    rd_kafka_conf_set_log_cb(conf.get(), &KafkaSink::on_log);
    std::array<char, kErrorText> text{};
    producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), text.data(), text.size()));
    if (!producer_) return fail(errors::kafka_bad_setting, "{}", text.data());
    (void)conf.release();  // the producer has it now
    rd_kafka_set_log_queue(producer_.get(), nullptr);
    in_flight_.clear();
    sent_ = arrived_;
    last_problem_.clear();
    refused_.reset();
    return {};
}

Published KafkaSink::publish(std::span<const OutboxEvent> batch, const std::stop_token& stop) {
    if (!producer_)
        if (auto connected = connect(); !connected) return {.error = std::move(connected).error()};
    std::int64_t last = arrived_;
    for (const auto& event : batch) {
        if (event.sequence > sent_ && !send(event)) break;  // the queue is full: enough for now
        last = event.sequence;
    }
    await(last, stop);
    Published published;
    for (const auto& event : batch)
        if (event.sequence <= arrived_) ++published.acknowledged;
    if (refused_) {
        published.error = std::exchange(refused_, std::nullopt);
        producer_.reset();
    } else if (published.acknowledged == 0) {
        published.error =
            make_error(errors::kafka_unreachable,
                       last_problem_.empty()
                           ? std::string("no broker acknowledges events")
                           : fmt::format("no broker acknowledges events: {}", last_problem_));
    }
    return published;
}

// A copy of the message goes into the library's queue.
int KafkaSink::produce(const std::string& message, const std::string& id, const OutboxEvent& event,
                       InFlight& record) {
    std::array<rd_kafka_vu_t, 7> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = options_.topic.c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_KEY;
    parts[1].u.mem = {.ptr = options_.key.data(), .size = options_.key.size()};
    parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[2].u.mem = {.ptr = const_cast<char*>(message.data()), .size = message.size()};
    parts[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[3].u.i = RD_KAFKA_MSG_F_COPY;
    parts[4].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    parts[4].u.i64 = event.event.time.time_since_epoch().count();
    parts[5].vtype = RD_KAFKA_VTYPE_HEADER;
    parts[5].u.header = {
        .name = "cutover-id", .val = id.data(), .size = static_cast<ssize_t>(id.size())};
    parts[6].vtype = RD_KAFKA_VTYPE_OPAQUE;
    parts[6].u.ptr = &record;
    auto* const error = rd_kafka_produceva(producer_.get(), parts.data(), parts.size());
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    const auto code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

// An error when the queue is full, or nothing can be sent any more.
Result<> KafkaSink::send(const OutboxEvent& event) {
    const auto messages = encode_(event);
    auto& record = in_flight_.emplace_back(
        InFlight{.sequence = event.sequence, .unacknowledged = messages.size()});
    std::size_t index = 0;
    for (const auto& message : messages) {
        const auto id = fmt::format("{}.{}", event.sequence, index++);
        const auto code = produce(message, id, event, record);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && index == 1) {
            in_flight_.pop_back();
        } else {
            give_up(refused(code));
        }
        return std::unexpected(refused(code));
    }
    sent_ = event.sequence;
    return {};
}

// Until all up to `last` have arrived, or patience ends.
void KafkaSink::await(std::int64_t last, const std::stop_token& stop) {
    const auto deadline = Steady::now() + options_.patience;
    for (;;) {
        while (!in_flight_.empty() && in_flight_.front().unacknowledged == 0) {
            arrived_ = in_flight_.front().sequence;
            in_flight_.pop_front();
        }
        if (arrived_ >= last || refused_ || stop.stop_requested() || Steady::now() >= deadline)
            return;
        rd_kafka_poll(producer_.get(), kPollMs);
    }
}

void KafkaSink::give_up(Error error) {
    if (!refused_) refused_ = std::move(error);
}

void KafkaSink::on_delivered(rd_kafka_t* /*producer*/, const rd_kafka_message_t* message,
                             void* self) {
    auto& sink = *static_cast<KafkaSink*>(self);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        --static_cast<InFlight*>(message->_private)->unacknowledged;
        sink.last_problem_.clear();
    } else {
        sink.give_up(make_error(
            errors::kafka_refused,
            fmt::format("topic {}: {}", sink.options_.topic, rd_kafka_err2str(message->err))));
    }
}

// Mostly not final: the library goes on. What is, comes with the messages.
void KafkaSink::on_error(rd_kafka_t* /*producer*/, int code, const char* reason, void* self) {
    auto& sink = *static_cast<KafkaSink*>(self);
    // A new producer reads the secrets again: somebody may have corrected them.
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL)
        sink.give_up(make_error(errors::kafka_refused, reason));
    // That all brokers are down tells less than what was said of one.
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !sink.last_problem_.empty()) return;
    const std::string_view said(reason);
    sink.last_problem_ = said.substr(0, said.find(" (after "));  // so long, so often
}

void KafkaSink::on_log(const rd_kafka_t* producer, int /*level*/, const char* facility,
                       const char* text) {
    auto& sink = *static_cast<KafkaSink*>(rd_kafka_opaque(producer));
    sink.log_.debug("kafka", {{"facility", facility}, {"said", text}});
}

}  // namespace cutover
