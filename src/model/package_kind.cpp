#include "model/package_kind.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace cutover {
namespace {

struct KindRow {
    PackageKind kind;
    std::string_view name;
    std::string_view suffix;
};

// The suffixes are those of seed document 000 and of update packs.
constexpr std::array kKinds{
    KindRow{PackageKind::base, "base", ".cc"},
    KindRow{PackageKind::feature, "feature", ".ccx"},
    KindRow{PackageKind::hardware, "hardware", ".cch"},
    KindRow{PackageKind::patch, "patch", ".PAT"},
    KindRow{PackageKind::module, "module", ".MOD"},
    KindRow{PackageKind::pack, "pack", ".upk"},
};

struct PayloadRow {
    PayloadType type;
    std::string_view name;
};

constexpr std::array kPayloads{
    PayloadRow{PayloadType::none, "none"},
    PayloadRow{PayloadType::image, "image"},
    PayloadRow{PayloadType::tree, "tree"},
    PayloadRow{PayloadType::deb, "deb"},
};

}  // namespace

std::string_view to_string(PackageKind kind) {
    return std::ranges::find(kKinds, kind, &KindRow::kind)->name;
}

std::optional<PackageKind> package_kind_from(std::string_view name) {
    const auto* const found = std::ranges::find(kKinds, name, &KindRow::name);
    if (found == kKinds.end()) return std::nullopt;
    return found->kind;
}

std::string_view file_suffix(PackageKind kind) {
    return std::ranges::find(kKinds, kind, &KindRow::kind)->suffix;
}

std::string_view to_string(PayloadType type) {
    return std::ranges::find(kPayloads, type, &PayloadRow::type)->name;
}

std::optional<PayloadType> payload_type_from(std::string_view name) {
    const auto* const found = std::ranges::find(kPayloads, name, &PayloadRow::name);
    if (found == kPayloads.end()) return std::nullopt;
    return found->type;
}

}  // namespace cutover
