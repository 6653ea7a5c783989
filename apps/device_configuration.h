#pragma once

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "model/configuration.h"
#include "platform/config_data.h"

namespace cutover {

// The configuration of a device, where this build has one: both sides of it, or neither.
struct DeviceConfiguration {
    std::shared_ptr<Configuration> asked;  // by people and doors
    std::shared_ptr<ConfigData> carried;   // by operations
};

// `folder` is the device's, with its database; `data` is what services see, over upgrades too.
Result<DeviceConfiguration> open_configuration(const std::filesystem::path& folder,
                                               const std::filesystem::path& data, Clock& clock,
                                               Log& log);

}  // namespace cutover
