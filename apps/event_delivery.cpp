#include "event_delivery.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <fmt/format.h>

#include "agent/event_delivery.h"
#ifdef CUTOVER_KAFKA
#include "backends/kafka/kafka_settings.h"
#include "backends/kafka/kafka_sink.h"
#include "backends/kafka/metrics_topic.h"
#include "doors/bus/bus_messages.h"
#include "doors/bus/metrics_reporter.h"
#include "doors/dmi/event_message.h"
#include "platform/device_folder.h"
#else
#include "model/config_errors.h"
#endif
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "events/deliverer.h"
#include "events/event_sink.h"
#include "model/device_config.h"
#include "store/outbox.h"
#include "store/store.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

#ifdef CUTOVER_KAFKA
// Paths among the library's settings are relative to the device's folder, as all paths are.
KafkaSettings settings_of(const fs::path& folder, const KafkaConfig& config) {
    KafkaSettings settings = config.settings;
    for (auto& [name, value] : settings)
        if (name.ends_with(".location") && !value.empty()) value = folder / value;
    return settings;
}

Result<std::unique_ptr<EventSink>> open_kafka(const fs::path& folder, const std::string& name,
                                              const KafkaConfig& kafka, Log& log) {
    const dmi_wire::EventSource source{.device_uuid = TRY(device_uuid(folder)),
                                       .device_name = name};
    return KafkaSink::open(
        {.brokers = fmt::format("{}", fmt::join(kafka.brokers, ",")),
         .topic = kafka.topic,
         .key = source.device_uuid,
         .settings = settings_of(folder, kafka),
         .secrets = kafka.secrets.empty() ? fs::path() : folder / kafka.secrets},
        [source, encoding = kafka.encoding](const OutboxEvent& event) {
            return bus_messages(source, encoding, event);
        },
        log);
}

// Producer and thread; the latter uses the former.
class KafkaFigures final : public FigureDelivery {
public:
    KafkaFigures(std::unique_ptr<MetricsTopic> topic, MetricsReporter::Options options, Log& log)
        : topic_(std::move(topic)), reporter_(bound(std::move(options)), log) {}

private:
    MetricsReporter::Options bound(MetricsReporter::Options options) {
        options.send = [this](const std::string& message) { topic_->send(message); };
        options.look_around = [this] { topic_->look_around(); };
        return options;
    }
    std::unique_ptr<MetricsTopic> topic_;
    MetricsReporter reporter_;
};

Result<std::unique_ptr<FigureDelivery>> open_figures(const fs::path& folder,
                                                     const KafkaConfig& kafka, Log& log) {
    const auto uuid = TRY(device_uuid(folder));
    auto topic = TRY(
        MetricsTopic::open({.brokers = fmt::format("{}", fmt::join(kafka.brokers, ",")),
                            .topic = kafka.metrics_topic,
                            .key = uuid,
                            .settings = settings_of(folder, kafka),
                            .secrets = kafka.secrets.empty() ? fs::path() : folder / kafka.secrets},
                           log));
    return std::unique_ptr<FigureDelivery>(std::make_unique<KafkaFigures>(
        std::move(topic),
        MetricsReporter::Options{
            .folder = folder, .device_uuid = uuid, .encoding = kafka.encoding, .send = {}},
        log));
}
#else
Result<std::unique_ptr<FigureDelivery>> open_figures(const fs::path& /*folder*/,
                                                     const KafkaConfig& /*kafka*/, Log& /*log*/) {
    return std::unique_ptr<FigureDelivery>();  // that it is left out is told of events
}
Result<std::unique_ptr<EventSink>> open_kafka(const fs::path& /*folder*/,
                                              const std::string& /*name*/,
                                              const KafkaConfig& /*kafka*/, Log& /*log*/) {
    return fail(errors::config_no_backend, "[events.kafka]: left out of this build");
}
#endif

}  // namespace

std::unique_ptr<Deliverer> start_delivery(const fs::path& folder, const DeviceConfig& config,
                                          Store& store, Clock& clock, Log& log) {
    if (!config.kafka) {
        // What nobody wants any more is not kept for whoever may want something later.
        if (const auto forgotten = store.forget_undelivered(); !forgotten)
            log.warning("events wait that nobody wants", {{"error", forgotten.error().text()}});
        return nullptr;
    }
    auto deliverer = Deliverer::start(
        folder / "device.db",
        [folder, &name = config.name, &kafka = *config.kafka, &log] {
            return open_kafka(folder, name, kafka, log);
        },
        clock, log);
    if (!deliverer) {
        log.error("no events are delivered", {{"error", deliverer.error().text()}});
        store.deliver({.max_waiting = config.kafka->max_waiting});
        return nullptr;
    }
    store.deliver({.max_waiting = config.kafka->max_waiting,
                   .on_added = [raw = deliverer->get()] { raw->wake(); }});
    return *std::move(deliverer);
}

std::unique_ptr<FigureDelivery> start_figures(const fs::path& folder, const DeviceConfig& config,
                                              Log& log) {
    if (!config.kafka || config.kafka->metrics_topic.empty()) return nullptr;
    auto figures = open_figures(folder, *config.kafka, log);
    if (figures) return *std::move(figures);
    log.error("no figures are delivered", {{"error", figures.error().text()}});
    return nullptr;
}

std::optional<EventDelivery> delivery_of(const DeviceConfig& config, const Deliverer* deliverer) {
    if (!config.kafka || !deliverer) return std::nullopt;
    return EventDelivery{.status = [deliverer] { return deliverer->status(); },
                         .progress_interval = config.kafka->progress_interval,
                         .alarm_after = config.kafka->alarm_after};
}

}  // namespace cutover
