#include "metrics_endpoint.h"

#include <expected>
#include <memory>
#include <utility>

#include "agent/agent.h"
#include "agent_life.h"
#include "base/error.h"
#include "events/deliverer.h"
#ifdef CUTOVER_METRICS
#include "doors/metrics/device_metrics.h"
#include "doors/metrics/errors.h"
#include "doors/metrics/metrics_door.h"
#else
#include "model/config_errors.h"
#endif

namespace cutover {

struct MetricsEndpoint::Open {
#ifdef CUTOVER_METRICS
    std::unique_ptr<MetricsDoor> door;
#endif
};

#ifdef CUTOVER_METRICS
namespace {

DeliveryFigures figures_of(const DeliveryStatus& status) {
    return {.waiting = status.counts.waiting,
            .dropped = status.counts.dropped,
            .oldest = status.counts.oldest,
            .arrives = status.arrives};
}

}  // namespace

Result<MetricsEndpoint> MetricsEndpoint::open(Agent& agent, const AgentParts& parts,
                                              const Deliverer* deliverer) {
    auto open = std::make_unique<Open>();
    if (parts.config.metrics.listen.empty()) return MetricsEndpoint(std::move(open));
    MetricsDoor::Options options{.config = parts.config.metrics,
                                 .folder = parts.folder,
                                 .watchdog = !parts.config.watchdog_device.empty(),
                                 .engine_alive = [&agent] { return agent.alive(); },
                                 .delivery = {}};
    if (deliverer) options.delivery = [deliverer] { return figures_of(deliverer->status()); };
    auto door = MetricsDoor::start(agent, parts.log, options);
    if (door)
        open->door = *std::move(door);
    else if (door.error().id == errors::metrics_address.id)
        parts.log.error("there are no metrics", {{"error", door.error().text()}});
    else
        return std::unexpected(std::move(door).error());
    return MetricsEndpoint(std::move(open));
}
#else
Result<MetricsEndpoint> MetricsEndpoint::open(Agent& /*agent*/, const AgentParts& parts,
                                              const Deliverer* /*deliverer*/) {
    if (!parts.config.metrics.listen.empty())
        return fail(errors::config_no_backend, "[metrics]: left out of this build");
    return MetricsEndpoint(std::make_unique<Open>());
}
#endif

MetricsEndpoint::MetricsEndpoint(std::unique_ptr<Open> open) : open_(std::move(open)) {}
MetricsEndpoint::MetricsEndpoint(MetricsEndpoint&&) noexcept = default;
MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace cutover
