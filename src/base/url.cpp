#include "base/url.h"

#include <string>
#include <string_view>

#include "base/utf8.h"

namespace cutover {

std::string without_secrets(std::string_view url) {
    auto name = std::string(url.substr(0, url.find_first_of("?#")));
    const auto scheme = name.find("://");
    if (scheme == std::string::npos) return valid_utf8(name);
    const auto host = scheme + 3;
    const auto at = name.rfind('@', name.find('/', host));
    if (at != std::string::npos && at >= host) name.erase(host, at + 1 - host);
    return valid_utf8(name);
}

}  // namespace cutover
