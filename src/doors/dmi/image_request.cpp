#include "doors/dmi/image_request.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/url.h"
#include "base/utf8.h"
#include "dmi/sw_image.pb.h"
#include "doors/dmi/errors.h"
#include "model/operation.h"

namespace cutover::dmi_wire {
namespace {

using Schemes = std::span<const std::string_view>;

constexpr std::array<std::string_view, 5> kSources{"http", "https", "file", "sftp", "scp"};
constexpr std::array<std::string_view, 4> kTargets{"http", "https", "sftp", "scp"};
constexpr std::size_t kMaxNameBytes = 200;
constexpr std::size_t kMaxUrlBytes = 4096;
constexpr std::size_t kMaxShownBytes = 128;

Result<> check_url(std::string_view url, Schemes schemes) {
    if (url.empty()) return fail(errors::dmi_bad_request, "a URL is missing");
    if (url.size() > kMaxUrlBytes)
        return fail(errors::dmi_bad_request, "the URL has more than {} bytes", kMaxUrlBytes);
    const bool text = std::ranges::all_of(url, [](char c) {
        constexpr unsigned char kDelete = 0x7f;
        const auto byte = static_cast<unsigned char>(c);
        return byte > ' ' && byte != kDelete;
    });
    if (!text) return fail(errors::dmi_bad_request, "the URL has a character that none can have");
    const auto scheme = url.substr(0, url.find("://"));
    if (url.contains("://") && std::ranges::find(schemes, scheme) != schemes.end()) return {};
    return fail(errors::dmi_bad_request, "\"{}\" is no URL that is taken: it begins with {}",
                clipped_utf8(shown_url(url), kMaxShownBytes), fmt::join(schemes, ", "));
}

// The digits as sha256sum prints them; some clients shout.
Result<std::string> checked_digest(std::string digits) {
    constexpr std::size_t kDigits = 64;
    std::ranges::transform(digits, digits.begin(), [](char c) {
        return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (digits.size() != kDigits ||
        digits.find_first_not_of("0123456789abcdef") != std::string::npos)
        return fail(errors::dmi_bad_request, "sha256sum is not {} hexadecimal digits", kDigits);
    return digits;
}

}  // namespace

Result<Request> install_request(const ::dmi::ImageInformation& image) {
    TRY(check_source_url(image.image_url()));
    if (!image.image_install_script().empty())
        return fail(errors::dmi_bad_request,
                    "image_install_script is not taken: a package brings its own scripts, signed");
    if (image.image().image_name().size() > kMaxNameBytes ||
        image.image().version().size() > kMaxNameBytes)
        return fail(errors::dmi_bad_request, "the image's name or version is too long");
    auto url = image.image_url().substr(0, image.image_url().find('#'));
    if (!image.sha256sum().empty()) url += "#sha256=" + TRY(checked_digest(image.sha256sum()));
    return Request{.kind = OperationKind::install,
                   .sources = {std::move(url)},
                   .only_base = WantedBase{.name = image.image().image_name(),
                                           .version = image.image().version()}};
}

std::string shown_url(std::string_view url) {
    return url.size() > kMaxUrlBytes ? fmt::format("a URL of {} bytes", url.size())
                                     : without_secrets(url);
}

Result<> check_source_url(std::string_view url) { return check_url(url, kSources); }

Result<std::string> upload_url(std::string_view folder, std::string_view file) {
    TRY(check_url(folder, kTargets));
    const auto end = std::min(folder.find_first_of("?#"), folder.size());
    const auto path = folder.substr(0, end);
    return std::string(path) + (path.ends_with('/') ? "" : "/") + std::string(file) +
           std::string(folder.substr(end));
}

std::string plain_name(std::string_view name) {
    std::string result;
    for (const char c : name.substr(0, kMaxNameBytes)) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9';
        result += letter || digit || c == '.' || c == '-' ? c : '-';
    }
    return result;
}

}  // namespace cutover::dmi_wire
