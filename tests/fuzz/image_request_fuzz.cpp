// What a client of the DMI asks for: what becomes a request of the engine's has a URL of a known
// kind, at most one digest, and nothing that could be read as another URL.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/url.h"
#include "base/utf8.h"
#include "dmi/sw_image.pb.h"
#include "dmi/sw_management_service.pb.h"
#include "doors/dmi/image_request.h"

namespace {

using namespace cutover;

constexpr std::array<std::string_view, 5> kSchemes{"http://", "https://", "file://", "sftp://",
                                                   "scp://"};

void check_url(std::string_view url) {
    CUTOVER_CHECK(std::ranges::any_of(
        kSchemes, [&](std::string_view scheme) { return url.starts_with(scheme); }));
    CUTOVER_CHECK(std::ranges::none_of(url, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte == 0x7f;
    }));
}

void check_error(const Error& error) {
    CUTOVER_CHECK(!error.message.empty() && error.message.size() < 1024);
    CUTOVER_CHECK(valid_utf8(error.message) == error.message);
}

void check_shown(std::string_view url) {
    const auto shown = without_secrets(url);
    CUTOVER_CHECK(valid_utf8(shown) == shown && shown.find_first_of("?#") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ::dmi::DownloadImageRequest download;
    if (download.ParseFromArray(data, static_cast<int>(size))) {
        const auto& url = download.image_info().image_url();
        check_shown(url);
        const auto request = dmi_wire::install_request(download.image_info());
        if (!request) check_error(request.error());
        if (request) {
            const auto& source = request->sources.at(0);
            check_url(source);
            CUTOVER_CHECK(source.size() <= 4096 + 72 && std::ranges::count(source, '#') <= 1);
            CUTOVER_CHECK(source.starts_with(url.substr(0, url.find('#'))));
        }
    }
    ::dmi::UploadDebugInfoRequest upload;
    if (upload.ParseFromArray(data, static_cast<int>(size))) {
        check_shown(upload.location_url());
        const auto file = dmi_wire::plain_name(upload.device_uuid().uuid());
        CUTOVER_CHECK(file.size() <= 200 && file.find('/') == std::string::npos);
        const auto url = dmi_wire::upload_url(upload.location_url(), file);
        if (!url) check_error(url.error());
        if (url) check_url(*url);
    }
    return 0;
}
