// device.toml is written by people and tools on the device; whatever it holds, the parser answers
// with a configuration or an error that names a line.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "model/device_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto config = cutover::parse_device_config(text);
    CUTOVER_CHECK(config || !config.error().message.empty());
    return 0;
}
