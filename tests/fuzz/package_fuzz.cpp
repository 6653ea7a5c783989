// A package as it arrives, tar first. It is opened unverified, because no fuzzer finds a signature;
// the digests of the members remain, and the seeds pass them.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "package/file_source.h"
#include "package/package_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    cutover::MemorySource source(std::string_view(reinterpret_cast<const char*>(data), size));
    auto reader = cutover::PackageReader::open_unverified(source);
    if (!reader) return 0;
    const auto verified = cutover::verify_payload(*reader);
    CUTOVER_CHECK(verified || !verified.error().message.empty());
    return 0;
}
