#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/checks.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "platform/config_data.h"

namespace cutover {

// The alarm that tells that the modules of what runs cannot be used.
inline constexpr auto kConfigAlarm = "configuration-unusable";
inline constexpr std::string_view kConfigCheck = "configuration";  // as --force mentions it

// What the package's hooks, unpacked in `folder`, hold for configuration.
Result<std::vector<ConfigText>> config_texts(const Manifest& manifest,
                                             const std::filesystem::path& folder);

ConfigWay config_way(OperationKind kind);

// What the target's modules make of the configuration, without doing it.
CheckResult check_configuration(const CheckContext& context);

}  // namespace cutover
