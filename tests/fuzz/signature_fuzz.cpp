// A CMS signature. The seeds are over "content\n".

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "crypto/trust_store.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view signature(reinterpret_cast<const char*>(data), size);
    const auto signer = cutover::describe_signature(signature, "content\n");
    CUTOVER_CHECK(signer || !signer.error().message.empty());
    return 0;
}
