#include "model/side_by_side.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "model/generation.h"
#include "model/manifest.h"
#include "model/version.h"

namespace cutover {
namespace {

std::string line_named(const std::string& name, const Version& version) {
    return fmt::format("{}@{}", name, version.part(0));
}

}  // namespace

PackageRef reference_to(const Manifest& manifest, const std::string& digest) {
    return {.kind = manifest.kind,
            .name = manifest.name,
            .version = manifest.version,
            .digest = digest,
            .side_by_side = manifest.side_by_side};
}

bool rivals(const PackageRef& one, const PackageRef& other) {
    if (one.name != other.name) return false;
    return !one.side_by_side || !other.side_by_side || one.version.part(0) == other.version.part(0);
}

std::string line_of(const PackageRef& package) {
    return package.side_by_side ? line_named(package.name, package.version) : package.name;
}

std::string line_of(const Manifest& manifest) {
    return manifest.side_by_side ? line_named(manifest.name, manifest.version) : manifest.name;
}

bool is_named(const PackageRef& package, std::string_view text) {
    const auto at = text.find('@');
    if (text.substr(0, at) != package.name) return false;
    if (at == std::string_view::npos) return true;
    if (package.side_by_side && text == line_of(package)) return true;
    const auto version = Version::parse(text.substr(at + 1));
    return version && *version == package.version;
}

bool is_among(const std::vector<std::string>& names, const PackageRef& package) {
    return std::ranges::any_of(names, [&](const std::string& name) {
        return name == package.name || (package.side_by_side && name == line_of(package));
    });
}

const PackageRef* rival_in(const std::vector<PackageRef>& packages, const PackageRef& package) {
    const auto found = std::ranges::find_if(
        packages, [&](const PackageRef& other) { return rivals(other, package); });
    return found == packages.end() ? nullptr : &*found;
}

}  // namespace cutover
