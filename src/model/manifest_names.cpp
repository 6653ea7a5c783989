#include "model/manifest_names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "model/manifest.h"

namespace cutover {
namespace {

// Names in the order of the enumerators.
constexpr std::array<std::string_view, 5> kOnChange{"none", "reload", "restart",
                                                    "restart-with-sockets", "hook"};
constexpr std::array<std::string_view, 3> kRestart{"always", "on-failure", "never"};
constexpr std::array<std::string_view, 3> kReady{"running", "ended", "notified"};

template <typename Enum, std::size_t size>
std::optional<Enum> find(const std::array<std::string_view, size>& names, std::string_view name) {
    const auto* const found = std::ranges::find(names, name);
    if (found == names.end()) return std::nullopt;
    return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(OnChange on_change) {
    return kOnChange.at(std::to_underlying(on_change));
}
std::optional<OnChange> on_change_from(std::string_view name) {
    return find<OnChange>(kOnChange, name);
}
std::string_view to_string(RestartPolicy policy) { return kRestart.at(std::to_underlying(policy)); }
std::optional<RestartPolicy> restart_policy_from(std::string_view name) {
    return find<RestartPolicy>(kRestart, name);
}
std::string_view to_string(ReadyWhen ready) { return kReady.at(std::to_underlying(ready)); }
std::optional<ReadyWhen> ready_when_from(std::string_view name) {
    return find<ReadyWhen>(kReady, name);
}

}  // namespace cutover
