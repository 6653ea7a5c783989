#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backends/overlay/view_work.h"
#include "backends/systemd/unit_files.h"
#include "base/error.h"
#include "model/device_config.h"
#include "model/service_change.h"
#include "model/slot.h"
#include "platform/layers.h"

namespace cutover {

// A real device whose base runs from `slot`, as what shows packages over it sees it.
struct SystemLayers {
    static Result<SystemLayers> open(const std::filesystem::path& device,
                                     const DeviceConfig& config, Slot slot);

    ViewWork& work() { return work_; }
    const std::filesystem::path& record() const { return record_; }
    const std::filesystem::path& failures() const { return failures_; }

    // The units of the stack's services are written, for systemd to read when it is told to.
    // Returns the services that packages bring.
    Result<std::vector<std::string>> write_units(const LayerStack& stack) const;

private:
    SystemLayers(const RunningSystem& system, std::map<std::string, std::string> environment);

    UnitFilesPlace units_;
    std::filesystem::path record_;
    std::filesystem::path failures_;
    ViewWork work_;
};

}  // namespace cutover
