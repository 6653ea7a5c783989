#include "model/package_notes.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "model/generation.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/resolver.h"

namespace cutover {
namespace {

std::string name_of(const Candidate& candidate) {
    return fmt::format("{} {}", candidate.package.name, candidate.package.version.text());
}

std::string name_of(const Manifest& base) {
    return fmt::format("{} {}", base.name, base.version.text());
}

const IncludedPackage* included(const Manifest& base, const std::string& name) {
    const auto found = std::ranges::find(base.includes, name, &IncludedPackage::name);
    return found == base.includes.end() ? nullptr : &*found;
}

bool holds(const std::vector<Candidate>& packages, const Candidate& candidate) {
    return std::ranges::any_of(packages, [&](const Candidate& other) {
        return other.package.digest == candidate.package.digest;
    });
}

bool brings(const Manifest& manifest, const std::string& service) {
    return std::ranges::find(manifest.services, service, &ServiceSpec::name) !=
           manifest.services.end();
}

bool bring(const std::vector<Candidate>& packages, const std::string& service) {
    return std::ranges::any_of(
        packages, [&](const Candidate& candidate) { return brings(*candidate.manifest, service); });
}

// Of two major versions side by side: a name stands for one service.
void warn_of_shared_services(const Candidate& candidate, const std::vector<Candidate>& packages,
                             std::vector<std::string>& warnings) {
    for (const auto& other : packages) {
        if (other.package.name != candidate.package.name ||
            other.package.digest == candidate.package.digest)
            continue;
        for (const auto& service : candidate.manifest->services)
            if (brings(*other.manifest, service.name))
                warnings.push_back(
                    fmt::format("{} and {} both bring the service {}: one of them runs",
                                name_of(candidate), name_of(other), service.name));
    }
}

}  // namespace

std::vector<std::string> notes_of_patches(const ResolveRequest& request,
                                          const Resolution& resolution) {
    const auto& base = *request.base;
    std::vector<std::string> notes;
    for (const auto& patch : request.present) {
        if (patch.package.kind != PackageKind::patch) continue;
        const auto name = name_of(patch);
        if (holds(resolution.packages, patch))
            notes.push_back(fmt::format("patch {} is carried over", name));
        else if (included(base, patch.package.name))
            notes.push_back(
                fmt::format("patch {} is superseded: {} includes it", name, name_of(base)));
        else
            notes.push_back(
                fmt::format("patch {} is dropped: it is not for {}", name, name_of(base)));
    }
    return notes;
}

std::vector<std::string> warnings_of(const ResolveRequest& request, const Resolution& resolution,
                                     bool new_base) {
    const auto& base = *request.base;
    std::vector<std::string> warnings;
    for (const auto& candidate : resolution.packages) {
        const auto& package = candidate.package;
        const bool is_new = new_base || !holds(request.present, candidate);
        const auto* const newer = included(base, package.name);
        if (is_new && newer && newer->version > package.version)
            warnings.push_back(fmt::format(
                "{} hides the newer {} of {}; `cutover uninstall {}` shows that one",
                name_of(candidate), newer->version.text(), name_of(base), package.name));
        if (is_new) warn_of_shared_services(candidate, resolution.packages, warnings);
        for (const auto& touch : candidate.manifest->touches) {
            const bool concerns = is_new || bring(request.present, touch.name);
            if (concerns && !brings(base, touch.name) && !bring(resolution.packages, touch.name))
                warnings.push_back(fmt::format("{} touches the service {}, which nothing brings",
                                               name_of(candidate), touch.name));
        }
    }
    return warnings;
}

}  // namespace cutover
