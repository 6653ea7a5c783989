// package.toml: whatever it holds, the answer is a specification or an error that names a line.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "model/package_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto spec = cutover::parse_package_spec(text);
    CUTOVER_CHECK(spec || !spec.error().message.empty());
    return 0;
}
