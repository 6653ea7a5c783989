#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "agent/event_delivery.h"
#include "base/clock.h"
#include "base/log.h"
#include "events/deliverer.h"
#include "model/device_config.h"
#include "store/store.h"

namespace cutover {

// Delivers the store's events to where `config` says; nothing where it says nowhere. What cannot be
// set up for that, be it a secret or a broker, holds up nobody. All that is given outlives it.
std::unique_ptr<Deliverer> start_delivery(const std::filesystem::path& folder,
                                          const DeviceConfig& config, Store& store, Clock& clock,
                                          Log& log);

// Tells the same brokers of the device's figures until it is destroyed. Null when nobody is told.
class FigureDelivery {
public:
    virtual ~FigureDelivery() = default;
};
std::unique_ptr<FigureDelivery> start_figures(const std::filesystem::path& folder,
                                              const DeviceConfig& config, Log& log);

// How the agent sees it.
std::optional<EventDelivery> delivery_of(const DeviceConfig& config, const Deliverer* deliverer);

}  // namespace cutover
