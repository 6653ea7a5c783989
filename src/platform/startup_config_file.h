#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "model/device.h"
#include "platform/startup_config.h"

namespace cutover {

// Kept in a file that both slots see: `config` in `folder`, and where it came from in `about`.
class StartupConfigFile final : public StartupConfig {
public:
    explicit StartupConfigFile(std::filesystem::path folder) : folder_(std::move(folder)) {}

    Result<StartupConfigStatus> status() const override;
    Result<> store(std::string_view content, const StartupConfigStatus& about) override;

private:
    std::filesystem::path folder_;
};

}  // namespace cutover
