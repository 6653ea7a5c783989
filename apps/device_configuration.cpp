#include "device_configuration.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#ifdef CUTOVER_WITH_CONFIG
#include "config/config_store.h"
#endif

namespace cutover {

#ifdef CUTOVER_WITH_CONFIG
Result<DeviceConfiguration> open_configuration(const std::filesystem::path& folder,
                                               const std::filesystem::path& data, Clock& clock,
                                               Log& log) {
    std::shared_ptr<ConfigStore> store =
        TRY(ConfigStore::open({.database = folder / "device.db",
                               .rendered = data / "configuration" / "running.json",
                               .scripts = folder / "tmp",
                               .clock = clock,
                               .log = log}));
    return DeviceConfiguration{.asked = store, .carried = store};
}
#else
Result<DeviceConfiguration> open_configuration(const std::filesystem::path& /*folder*/,
                                               const std::filesystem::path& /*data*/,
                                               Clock& /*clock*/, Log& /*log*/) {
    return DeviceConfiguration{};
}
#endif

}  // namespace cutover
