#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/device.h"

namespace cutover {

inline constexpr std::size_t kMaxStartupConfigBytes = std::size_t{4} * 1024 * 1024;

// The configuration that the device's operating system starts with. What it means, and when it
// takes effect, is for whoever reads it.
class StartupConfig {
public:
    virtual ~StartupConfig() = default;

    // Without a source and version when nobody has stored one: it is the factory's.
    virtual Result<StartupConfigStatus> status() const = 0;

    // Keeps `content`, durably, whole or not at all; startup_config.unusable for what can be none.
    virtual Result<> store(std::string_view content, const StartupConfigStatus& about) = 0;
};

}  // namespace cutover
