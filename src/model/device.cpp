#include "model/device.h"

#include <memory>
#include <stop_token>
#include <string>

#include "base/byte_pipe.h"
#include "base/error.h"
#include "model/operation.h"

namespace cutover {

Result<OperationId> Device::start_streamed(
    const Request& /*request*/,
    std::shared_ptr<BytePipe> /*package*/) {  // NOLINT(performance-unnecessary-value-param)
    return fail(Errc::unsupported, "this device takes no package as a stream");
}

Result<StartupConfigStatus> Device::startup_config() {
    return fail(Errc::unsupported, "this device tells nothing of its startup configuration");
}

Result<> Device::update_startup_config(const std::string& /*url*/) {
    return fail(Errc::unsupported, "this device takes no startup configuration");
}

Result<> Device::upload_debug_info(
    const std::string& /*url*/, const UploadProgress& /*progress*/,
    std::stop_token /*stop*/) {  // NOLINT(performance-unnecessary-value-param): overridden
    return fail(Errc::unsupported, "this device sends no debug information");
}

}  // namespace cutover
