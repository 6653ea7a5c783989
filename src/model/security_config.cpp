#include "model/security_config.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace cutover {
namespace {

constexpr std::array<std::string_view, 3> kRoleNames{"viewer", "operator", "admin"};
static_assert(std::to_underlying(Role::admin) + 1 == kRoleNames.size());

}  // namespace

std::string_view role_name(Role role) {
    return kRoleNames.at(static_cast<std::size_t>(std::to_underlying(role)));
}

std::optional<Role> parse_role(std::string_view name) {
    for (const auto role : {Role::viewer, Role::operator_, Role::admin})
        if (role_name(role) == name) return role;
    return std::nullopt;
}

}  // namespace cutover
