#include "package/extended_attributes.h"

#include <cerrno>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <sys/xattr.h>

#include <fmt/core.h>

#include "base/error.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} * 1024;  // Linux's own bound

}  // namespace

bool is_kept_attribute(std::string_view name) {
    return name == "security.capability" || name.starts_with("user.");
}

Result<ExtendedAttributes> read_attributes(int fd, const std::string& path) {
    std::string names(kMaxBytes, '\0');
    const auto size = ::flistxattr(fd, names.data(), names.size());
    if (size < 0 && errno == ENOTSUP) return ExtendedAttributes();
    if (size < 0)
        return std::unexpected(errno_error(errno, fmt::format("list the attributes of {}", path)));
    ExtendedAttributes attributes;
    std::string_view rest(names.data(), static_cast<std::size_t>(size));
    while (!rest.empty()) {
        const std::string name(rest.substr(0, rest.find('\0')));
        rest.remove_prefix(name.size() + 1);
        if (!is_kept_attribute(name)) continue;
        std::string value(kMaxBytes, '\0');
        const auto length = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
        if (length < 0)
            return std::unexpected(errno_error(errno, fmt::format("read {} of {}", name, path)));
        value.resize(static_cast<std::size_t>(length));
        attributes[name] = value;
    }
    return attributes;
}

Result<> write_attributes(int fd, const ExtendedAttributes& attributes, bool privileged,
                          const std::string& path) {
    for (const auto& [name, value] : attributes) {
        const bool is_user = name.starts_with("user.");
        if (!privileged && !is_user) continue;
        if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
        // A note of somebody's must not keep a device from its upgrade; a capability is needed.
        if (is_user && errno == ENOTSUP) continue;
        return std::unexpected(errno_error(errno, fmt::format("set {} of {}", name, path)));
    }
    return {};
}

}  // namespace cutover
