#pragma once

// The names that a manifest uses for its enumerations, in JSON and in package.toml alike.

#include <optional>
#include <string_view>

#include "model/manifest.h"

namespace cutover {

std::string_view to_string(OnChange on_change);
std::optional<OnChange> on_change_from(std::string_view name);
std::string_view to_string(RestartPolicy policy);
std::optional<RestartPolicy> restart_policy_from(std::string_view name);
std::string_view to_string(ReadyWhen ready);
std::optional<ReadyWhen> ready_when_from(std::string_view name);

}  // namespace cutover
