#include "model/package_changes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/operation_matrix.h"
#include "model/package_kind.h"
#include "model/planner.h"
#include "model/resolver.h"
#include "model/version.h"

namespace cutover {
namespace {

using enum OperationKind;

struct NamedVersion {
    std::string_view name;
    std::optional<Version> version;  // empty: any
};

NamedVersion split_name(std::string_view text) {
    const auto at = text.find('@');
    if (at == text.npos) return {.name = text, .version = std::nullopt};
    auto version = Version::parse(text.substr(at + 1));
    return {.name = text.substr(0, at), .version = version ? std::optional(*version) : Version()};
}

PackageRef reference(const OfferedPackage& package) {
    return {.kind = package.manifest.kind,
            .name = package.manifest.name,
            .version = package.manifest.version,
            .digest = package.digest};
}

Candidate candidate(const OfferedPackage& package) {
    return {.package = reference(package), .manifest = &package.manifest};
}

bool holds(const std::vector<PackageRef>& packages, const std::string& digest) {
    return std::ranges::find(packages, digest, &PackageRef::digest) != packages.end();
}

bool by_name(OperationKind kind) {
    return kind == uninstall || kind == deactivate || kind == discard;
}

const OfferedPackage* with_digest(const std::vector<OfferedPackage>& packages,
                                  const std::string& digest) {
    const auto found = std::ranges::find(packages, digest, &OfferedPackage::digest);
    return found == packages.end() ? nullptr : &*found;
}

// What the answer is made of: the question to the resolver, and what was decided before it.
class Question {
public:
    Question(const PlanInput& input, const std::vector<PackageRef>& present, const Manifest& base)
        : input_(input), present_(present) {
        request_.base = &base;
        request_.with_dependents = input.request.with_dependents;
    }

    Result<PackageChange> answer(bool new_base) {
        request_.drop_patches = new_base;
        for (const auto& package : present_) {
            const auto* const known = with_digest(input_.at_hand, package.digest);
            if (!known)
                return fail(errors::plan_package_lost, "{} is not on the device any more",
                            name_of(package));
            request_.present.push_back(candidate(*known));
        }
        for (const auto& package : input_.depot.obtained)
            if (const auto* const known = with_digest(input_.at_hand, package.digest))
                request_.at_hand.push_back(candidate(*known));
        TRY(ask());
        const auto resolution = TRY(resolve(request_));
        return change(resolution, new_base);
    }

private:
    Result<> ask() {
        const auto& request = input_.request;
        if (by_name(request.kind)) return ask_to_go();
        if (request.kind == reload) return ask_for_selection();
        for (const auto& package : input_.offered)
            if (package.manifest.kind != PackageKind::base) TRY(ask_for(package));
        for (const auto& name : request.packages) TRY(ask_for(*TRY(package_at_hand(input_, name))));
        return {};
    }

    Result<> ask_for(const OfferedPackage& package) {
        const auto here = std::ranges::find(present_, package.manifest.name, &PackageRef::name);
        if (here != present_.end()) {
            const bool in_pack = input_.pack.has_value();
            if (in_pack && here->version >= package.manifest.version) {
                notes_.push_back(fmt::format("{} {} is skipped: {} is there", package.manifest.name,
                                             package.manifest.version.text(),
                                             here->version.text()));
                return {};
            }
            const bool same = here->digest == package.digest;
            if (same && input_.request.kind == upgrade && input_.offered.size() > 1) return {};
            if (same) return fail(errors::plan_present, "{} is there already", name_of(*here));
            if (!in_pack && input_.request.kind == install)
                return fail(errors::plan_other_version, "{} is there, not {}", name_of(*here),
                            package.manifest.version.text());
        }
        request_.wanted.push_back(candidate(package));
        return {};
    }

    Result<> ask_to_go() {
        for (const auto& name : input_.request.packages) {
            const auto* const here = find_package(present_, name);
            if (here) request_.unwanted.push_back(here->name);
        }
        return {};
    }

    Result<> ask_for_selection() {
        for (const auto& package : input_.depot.selected) {
            const auto* const known = with_digest(input_.at_hand, package.digest);
            if (!known)
                return fail(errors::plan_package_lost, "{} is not on the device any more",
                            name_of(package));
            if (!holds(present_, package.digest)) request_.wanted.push_back(candidate(*known));
        }
        request_.unwanted = input_.depot.deselected;
        return {};
    }

    PackageChange change(const Resolution& resolution, bool new_base) {
        PackageChange result;
        for (const auto& package : resolution.packages) result.packages.push_back(package.package);
        for (const auto& package : resolution.added)
            if (const auto* const offered = with_digest(input_.offered, package.package.digest))
                result.new_.push_back(offered);
        result.gone = resolution.removed;
        result.notes = std::move(notes_);
        if (new_base) note_patches(resolution, result.notes);
        return result;
    }

    // On another base: what becomes of the patches.
    void note_patches(const Resolution& resolution, std::vector<std::string>& notes) const {
        const auto& base = *request_.base;
        for (const auto& package : present_) {
            if (package.kind != PackageKind::patch) continue;
            const bool carried = std::ranges::any_of(resolution.packages, [&](const Candidate& c) {
                return c.package.digest == package.digest;
            });
            const bool included = std::ranges::find(base.includes, package.name,
                                                    &IncludedPackage::name) != base.includes.end();
            const auto on = fmt::format("{} {}", base.name, base.version.text());
            if (carried)
                notes.push_back(fmt::format("patch {} is carried over", name_of(package)));
            else if (included)
                notes.push_back(
                    fmt::format("patch {} is superseded: {} includes it", name_of(package), on));
            else
                notes.push_back(
                    fmt::format("patch {} is dropped: it is not for {}", name_of(package), on));
        }
    }

    const PlanInput& input_;
    const std::vector<PackageRef>& present_;
    ResolveRequest request_;
    std::vector<std::string> notes_;
};

bool is_integrated(const PlanInput& input, std::string_view name) {
    return input.base && std::ranges::find(input.base->includes, name, &IncludedPackage::name) !=
                             input.base->includes.end();
}

const Generation& generation_of(const PlanInput& input, GenerationId id) {
    const auto* const found = find_generation(input.generations, id);
    CUTOVER_CHECK(found != nullptr);
    return *found;
}

// That each package named is somewhere where the request can find it.
Result<> check_names(const PlanInput& input) {
    const auto& request = input.request;
    const auto& running = generation_of(input, input.marks.running);
    const auto& startup = generation_of(input, input.marks.startup);
    for (const auto& name : request.packages) {
        const auto* here = find_package(running.packages, name);
        if (!here) here = find_package(startup.packages, name);
        if (!here && running.base.name == split_name(name).name)
            TRY(check_matrix(PackageKind::base, OperationKind::uninstall, request.mode));
        if (!here && running.pack && running.pack->name == split_name(name).name)
            TRY(check_matrix(PackageKind::pack, OperationKind::uninstall, request.mode));
        if (!here && request.kind == discard) here = find_package(input.depot.obtained, name);
        if (!here && request.kind == deselect) here = find_package(input.depot.selected, name);
        if (!here && is_integrated(input, split_name(name).name))
            return fail(errors::plan_integrated, "{} is a part of {} {}", name, running.base.name,
                        running.base.version.text());
        if (!here) return fail(errors::plan_not_present, "there is no package {}", name);
        if (request.kind == uninstall)
            TRY(check_matrix(here->kind, OperationKind::uninstall, request.mode));
        if (request.kind == deactivate && here->kind != PackageKind::patch)
            return fail(errors::plan_only_patches, "{} is a {} package", name_of(*here),
                        to_string(here->kind));
    }
    return {};
}

Result<> check_pack(const PlanInput& input, const Manifest& pack) {
    TRY(check_matrix(PackageKind::pack, input.request.kind, input.request.mode));
    const auto& running = generation_of(input, input.marks.running);
    const bool fits = pack.compatible.base.accepts(running.base.version);
    const bool brings_base = offered_base(input) != nullptr;
    if (!fits)
        return fail(errors::plan_pack_base, "the pack is for bases {}, the device runs {}",
                    pack.compatible.base.text(), name_of(running.base));
    if (static_cast<int>(pack.level) <= running.update_level && !brings_base)
        return fail(errors::plan_pack_not_newer,
                    "the pack brings update level {}, the device is at level {}", pack.level,
                    running.update_level);
    return {};
}

}  // namespace

std::string name_of(const PackageRef& package) {
    return fmt::format("{} {}", package.name, package.version.text());
}

Result<PackageChange> change_packages(const PlanInput& input,
                                      const std::vector<PackageRef>& present, const Manifest& base,
                                      bool new_base) {
    return Question(input, present, base).answer(new_base);
}

Result<const OfferedPackage*> package_at_hand(const PlanInput& input, const std::string& name) {
    const auto wanted = split_name(name);
    const OfferedPackage* found = nullptr;
    for (const auto& package : input.at_hand) {
        const bool named = package.manifest.name == wanted.name &&
                           (!wanted.version || package.manifest.version == *wanted.version);
        if (!named || !holds(input.depot.obtained, package.digest)) continue;
        if (!found || package.manifest.version > found->manifest.version) found = &package;
    }
    if (!found) return fail(errors::plan_not_at_hand, "no package {} is at hand", name);
    return found;
}

const PackageRef* find_package(const std::vector<PackageRef>& packages, const std::string& name) {
    const auto wanted = split_name(name);
    const auto found = std::ranges::find_if(packages, [&](const PackageRef& package) {
        return package.name == wanted.name &&
               (!wanted.version || package.version == *wanted.version);
    });
    return found == packages.end() ? nullptr : &*found;
}

Result<> check_request_kinds(const PlanInput& input) {
    const auto& request = input.request;
    if (by_name(request.kind) || request.kind == deselect) return check_names(input);
    if (request.kind == activate && !request.packages.empty()) {
        for (const auto& name : request.packages) {
            const auto* const package = TRY(package_at_hand(input, name));
            if (package->manifest.kind != PackageKind::patch)
                return fail(errors::plan_only_patches, "{} is a {} package", name,
                            to_string(package->manifest.kind));
        }
        return {};
    }
    if (request.kind != install && request.kind != upgrade) return {};
    if (input.pack) return check_pack(input, input.pack->manifest);
    for (const auto& package : input.offered)
        TRY(check_matrix(package.manifest.kind, request.kind, request.mode));
    for (const auto& name : request.packages)
        TRY(check_matrix(TRY(package_at_hand(input, name))->manifest.kind, request.kind,
                         request.mode));
    return {};
}

}  // namespace cutover
