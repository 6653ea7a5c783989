// What a client of gNOI sends as a message: where a package is to be fetched from becomes a URL of
// a known kind without anything that could be read as another one, or an error.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "doors/gnoi/hashing.h"
#include "doors/gnoi/remote_url.h"
#include "gnoi/common/common.pb.h"
#include "gnoi/types/types.pb.h"

namespace {

void check_url(const cutover::Result<std::string>& url) {
    constexpr std::array<std::string_view, 4> kSchemes{"http://", "https://", "sftp://", "scp://"};
    CUTOVER_CHECK(url || !url.error().message.empty());
    if (!url) return;
    CUTOVER_CHECK(std::ranges::any_of(
        kSchemes, [&](std::string_view scheme) { return url->starts_with(scheme); }));
    CUTOVER_CHECK(std::ranges::none_of(*url, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte == 0x7f;
    }));
}

// Messages that no decoder takes are none; those that one takes may hold anything.
template <typename Message>
bool decode(std::string_view bytes, Message& message) {
    return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (::gnoi::common::RemoteDownload download; decode(bytes, download))
        check_url(cutover::gnoi_door::remote_url(download));
    if (::gnoi::types::HashType expected; decode(bytes, expected)) {
        cutover::gnoi_door::AllHashes hashes;
        hashes.add("content");
        const bool has = hashes.has(expected);
        // Of a method that is not known, none is right.
        CUTOVER_CHECK(!has || ::gnoi::types::HashType::HashMethod_IsValid(expected.method()));
    }
    return 0;
}
