#include "doors/gnoi/remote_url.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/error.h"
#include "doors/gnoi/errors.h"
#include "gnoi/common/common.pb.h"

namespace cutover::gnoi_door {
namespace {

using Download = ::gnoi::common::RemoteDownload;

constexpr std::size_t kMaxBytes = 4096;
constexpr std::array<std::string_view, 4> kSchemes{"http", "https", "sftp", "scp"};

std::string_view scheme_of(Download::Protocol protocol) {
    if (protocol == Download::SFTP) return "sftp";
    if (protocol == Download::SCP) return "scp";
    if (protocol == Download::HTTP) return "http";
    if (protocol == Download::HTTPS) return "https";
    return {};
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        constexpr unsigned char kDelete = 0x7f;
        const auto byte = static_cast<unsigned char>(c);
        return byte > ' ' && byte != kDelete;
    });
}

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            result += c;
        else
            result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return result;
}

// "host:/path" of scp, or "host/path".
std::string with_scheme(std::string_view scheme, std::string path) {
    const auto slash = path.find('/');
    if (slash != std::string::npos && slash > 0 && path[slash - 1] == ':') path.erase(slash - 1, 1);
    return fmt::format("{}://{}", scheme, path);
}

}  // namespace

Result<std::string> remote_url(const Download& download) {
    const auto& path = download.path();
    if (path.empty() || path.size() > kMaxBytes || !is_printable(path))
        return fail(errors::gnoi_bad_request, "remote_download has no path that can be");
    if (!download.source_address().empty() || !download.source_vrf().empty())
        return fail(errors::gnoi_bad_request, "source_address and source_vrf are not supported");
    auto url = path;
    if (!path.contains("://")) {
        const auto scheme = scheme_of(download.protocol());
        if (scheme.empty())
            return fail(errors::gnoi_bad_request, "remote_download has no protocol");
        url = with_scheme(scheme, path);
    }
    const auto begin = url.find("://");
    if (std::ranges::find(kSchemes, url.substr(0, begin)) == kSchemes.end())
        return fail(errors::gnoi_bad_request, "http, https, sftp and scp are what is fetched by");
    if (!download.has_credentials() || download.credentials().username().empty()) return url;
    const auto& credentials = download.credentials();
    if (credentials.has_hashed())
        return fail(errors::gnoi_bad_request, "a hashed password opens nothing");
    auto user = escaped(credentials.username());
    if (credentials.has_cleartext()) user += ":" + escaped(credentials.cleartext());
    const auto host = begin + 3;
    const auto end = std::min(url.find('/', host), url.size());
    if (url.substr(host, end - host).contains('@'))
        return fail(errors::gnoi_bad_request, "the path has credentials as well");
    return url.insert(host, user + "@");
}

}  // namespace cutover::gnoi_door
