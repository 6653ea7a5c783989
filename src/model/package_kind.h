#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cutover {

enum class PackageKind : std::uint8_t { base, feature, hardware, patch, module, pack };
enum class PayloadType : std::uint8_t { none, image, tree, deb };

std::string_view to_string(PackageKind kind);
std::optional<PackageKind> package_kind_from(std::string_view name);
std::string_view file_suffix(PackageKind kind);  // ".cc", ".ccx", ".cch", ".PAT", ".MOD", ".upk"

// Whether the content is a tree of files: of a `deb` payload, a folder of Debian packages.
constexpr bool is_tree(PayloadType type) {
    return type == PayloadType::tree || type == PayloadType::deb;
}

std::string_view to_string(PayloadType type);
std::optional<PayloadType> payload_type_from(std::string_view name);

}  // namespace cutover
