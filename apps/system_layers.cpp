#include "system_layers.h"

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "backends/block/slot_claim.h"
#include "backends/overlay/view_work.h"
#include "backends/systemd/unit_files.h"
#include "base/error.h"
#include "model/device_config.h"
#include "model/service_change.h"
#include "model/slot.h"
#include "platform/layers.h"

namespace cutover {

namespace fs = std::filesystem;

SystemLayers::SystemLayers(const RunningSystem& system,
                           std::map<std::string, std::string> environment)
    : record_(system.device / "layers" / "startup.json"),
      failures_(system.device / "run" / "layers-failures"),
      work_(system) {
    units_.base = fmt::format("{} {}", system.base.name, system.base.version.text());
    for (const auto& service : system.base.services) units_.base_services.push_back(service.name);
    units_.environment = std::move(environment);
}

Result<SystemLayers> SystemLayers::open(const fs::path& device, const DeviceConfig& config,
                                        Slot slot) {
    const auto claim = TRY(read_claim(device / "slots", slot));
    const auto persist = (device / config.persist).lexically_normal();
    RunningSystem system{.device = device,
                         .packages_persist = persist / "packages",
                         .base = claim.manifest,
                         .hardware = config.hardware,
                         .place = {}};
    system.place.folders = config.layers_folders;
    return SystemLayers(system,
                        {{"CUTOVER_ROOT", "/"},
                         {"CUTOVER_DATA", device.parent_path().string()},
                         {"CUTOVER_PERSIST", (persist / std::string(1, letter(slot))).string()}});
}

Result<std::vector<std::string>> SystemLayers::write_units(const LayerStack& stack) const {
    const auto packages = TRY(work_.packages(stack));
    auto place = units_;
    place.packages = work_.roots(stack);
    return write_unit_files(place, services_of(packages));
}

}  // namespace cutover
