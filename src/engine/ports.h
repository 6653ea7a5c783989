#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "engine/observer.h"
#include "engine/package_source.h"
#include "model/device_config.h"
#include "platform/boot_control.h"
#include "platform/config_data.h"
#include "platform/host.h"
#include "platform/layers.h"
#include "platform/services.h"
#include "platform/slot_store.h"
#include "store/store.h"

namespace cutover {

// All that the engine works with. Everything outlives it.
struct Ports {
    Store& store;
    BootControl& boot;
    SlotStore& slots;
    LayerStore& layers;
    Services& services;
    Host& host;
    PackageSource& packages;
    Clock& clock;
    Log& log;
    Observer& observer;
    const DeviceConfig& config;
    ConfigData* configuration = nullptr;  // null: YANG modules describe none here
    std::filesystem::path folder;         // the device's: status file, evidence/, log/, tmp/
    // The hardware ids that services run for now. Kept by the engine (engine/hardware.cpp), so that
    // a card that comes in the middle of an operation changes nothing until the engine sees to it.
    std::vector<std::string> present = {};
};

}  // namespace cutover
