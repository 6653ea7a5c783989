#pragma once

#include <memory>

#include "agent/agent.h"
#include "agent_life.h"
#include "base/error.h"
#include "events/deliverer.h"

namespace cutover {

// What Prometheus asks, as device.toml wants it and this build has it.
class MetricsEndpoint {
public:
    // As with doors: an address that is taken only leaves it out, and is logged. `deliverer` may be
    // null; all that is given outlives it.
    static Result<MetricsEndpoint> open(Agent& agent, const AgentParts& parts,
                                        const Deliverer* deliverer);

    MetricsEndpoint(MetricsEndpoint&&) noexcept;
    ~MetricsEndpoint();

private:
    struct Open;
    explicit MetricsEndpoint(std::unique_ptr<Open> open);

    std::unique_ptr<Open> open_;
};

}  // namespace cutover
