#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "backends/block/block_slots.h"
#include "base/error.h"
#include "base/log.h"
#include "model/device_config.h"
#include "model/slot.h"
#include "platform/boot_control.h"
#include "platform/device_folder.h"
#include "platform/host.h"
#include "platform/kernel_command_line.h"
#include "platform/layers.h"
#include "platform/services.h"

namespace cutover {

// True when device.toml describes an emulated device, false for a real one; config.bad_value for a
// mixture of both, or a name that no back-end of this program has.
Result<bool> is_emulated(const DeviceConfig& config);

BlockSlots::Options block_options(const std::filesystem::path& folder, const DeviceConfig& config);

// What a real device is made of, chosen by the names in device.toml.
struct Backends {
    static Result<Backends> open(const DeviceFolder& folder, Log& log);

    BootedAs booted;
    std::string boot_id;
    bool restarts_for_real = true;  // false where whoever started the agent plays the machine
    std::unique_ptr<BootControl> boot;
    std::unique_ptr<SlotStore> slots;
    std::unique_ptr<LayerStore> layers;
    std::unique_ptr<Services> services;
    std::unique_ptr<Host> host;
};

}  // namespace cutover
