#include "model/package_changes.h"

#include <algorithm>
#include <deque>
#include <expected>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "model/errors.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/operation_matrix.h"
#include "model/package_kind.h"
#include "model/package_notes.h"
#include "model/planner.h"
#include "model/resolver.h"
#include "model/side_by_side.h"
#include "model/version.h"

namespace cutover {
namespace {

using enum OperationKind;

// "bgp" of "bgp@1.2".
std::string_view bare(std::string_view text) { return text.substr(0, text.find('@')); }

PackageRef reference(const OfferedPackage& package) {
    return reference_to(package.manifest, package.digest);
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

bool is_replaced(const Manifest& patch, const PackageRef& other) {
    const auto names = [&](std::string_view name) {
        return std::ranges::find(patch.replaces, name) != patch.replaces.end();
    };
    return other.kind == PackageKind::patch && (names("*") || names(other.name));
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
        TRY(find_present());
        for (const auto& package : input_.depot.obtained)
            if (const auto* const known = with_digest(input_.at_hand, package.digest))
                request_.at_hand.push_back(candidate(*known));
        TRY(ask());
        if (new_base) take_what_fits();
        auto resolution = resolve(request_);
        if (!resolution) return std::unexpected(advised(std::move(resolution).error(), new_base));
        return change(*resolution, new_base);
    }

private:
    // A package whose content was lost is known by its name alone. That is enough for it to go; and
    // it is back where the very same one is offered.
    Result<> find_present() {
        std::vector<std::string> lost;
        for (const auto& package : present_) {
            const auto* known = with_digest(input_.at_hand, package.digest);
            if (!known) known = with_digest(input_.offered, package.digest);
            if (!known && is_to_go(package)) {
                stand_ins_.push_back({.kind = package.kind, .name = package.name});
                stand_ins_.back().version = package.version;
                request_.present.push_back({.package = package, .manifest = &stand_ins_.back()});
            } else if (!known) {
                lost.push_back(name_of(package));
            } else {
                request_.present.push_back(candidate(*known));
            }
        }
        if (lost.empty()) return {};
        return fail(errors::plan_package_lost, "{} {} not whole on the device any more",
                    fmt::join(lost, ", "), lost.size() == 1 ? "is" : "are");
    }

    // Asked to go, or to make room for another version.
    bool is_to_go(const PackageRef& package) const {
        const auto& request = input_.request;
        const auto names = [&](const std::string& name) { return is_named(package, name); };
        if (by_name(request.kind) && std::ranges::any_of(request.packages, names)) return true;
        if (request.kind == reload && is_among(input_.depot.deselected, package)) return true;
        return std::ranges::any_of(input_.offered, [&](const OfferedPackage& offered) {
            return rivals(reference(offered), package);
        });
    }

    // On a new base: what does not run there gives way to the newest version at hand that does.
    void take_what_fits() {
        const auto& base = *request_.base;
        for (const auto& present : request_.present) {
            const auto& package = present.package;
            const bool upgradable = matrix_cell(package.kind, upgrade, Mode::automatic).allowed;
            const bool named = std::ranges::any_of(request_.wanted, [&](const Candidate& wanted) {
                return rivals(wanted.package, package);
            });
            if (!upgradable || named || present.manifest->compatible.base.accepts(base.version))
                continue;
            const Candidate* best = nullptr;
            for (const auto& other : request_.at_hand) {
                const auto& fits = other.manifest->compatible;
                if (rivals(other.package, package) && other.package.kind == package.kind &&
                    other.package.version > package.version && fits.base.accepts(base.version) &&
                    fits.from.accepts(package.version) &&
                    (!best || other.package.version > best->package.version))
                    best = &other;
            }
            if (!best) continue;
            notes_.push_back(fmt::format(
                "{} does not run on {} {}: {}, which is at hand, comes in "
                "its place",
                name_of(package), base.name, base.version.text(), best->package.version.text()));
            request_.wanted.push_back(*best);
        }
    }

    // What is in the way of a new base can be carried over all the same, on purpose.
    Error advised(Error error, bool new_base) const {
        const bool base_alone =
            std::ranges::all_of(input_.offered, [](const OfferedPackage& package) {
                return package.manifest.kind == PackageKind::base;
            });
        if (new_base && base_alone && error.id == errors::plan_unresolvable.id)
            error.remedy =
                "Bring versions that run on the new base, in the same command or with `cutover "
                "packages fetch FILE`; or uninstall what is in the way; or carry the packages over "
                "as they are with `--force packages`.";
        return error;
    }

    Result<> ask() {
        const auto& request = input_.request;
        if (by_name(request.kind)) return ask_to_go();
        if (request.kind == reload) return ask_for_selection();
        for (const auto& package : input_.offered)
            if (package.manifest.kind != PackageKind::base) TRY(ask_for(package));
        for (const auto& name : request.packages) TRY(ask_for(*TRY(package_at_hand(input_, name))));
        return {};
    }

    // The row of the matrix: a patch or a module is not upgraded by another way either, be it a
    // pack, an activation or a reload. What a new base drops is in nobody's way.
    Result<> check_place(const OfferedPackage& package, const PackageRef& here) const {
        if (here.digest == package.digest || request_.drop_patches ||
            is_replaced(package.manifest, here))
            return {};
        TRY(check_matrix(package.manifest.kind, upgrade, input_.request.mode),
            "{} is there, not {}", name_of(here), package.manifest.version.text());
        return {};
    }

    // Of a pack: what is there in the same or a newer version, on top or as a part of the base.
    const Version* skipped_for(const Manifest& member, const PackageRef* here) const {
        if (!input_.pack) return nullptr;
        if (here) return here->version >= member.version ? &here->version : nullptr;
        const auto& parts = request_.base->includes;
        const auto part = std::ranges::find(parts, member.name, &IncludedPackage::name);
        return part != parts.end() && part->version >= member.version ? &part->version : nullptr;
    }

    Result<> ask_for(const OfferedPackage& package) {
        const auto* const here = rival_in(present_, reference(package));
        const bool same = here && here->digest == package.digest;
        if (same && !with_digest(input_.at_hand, here->digest)) {
            notes_.push_back(fmt::format("{} is written anew", name_of(*here)));
            request_.wanted.push_back(candidate(package));
            return {};
        }
        if (const auto* const newer = skipped_for(package.manifest, here)) {
            notes_.push_back(fmt::format("{} {} is skipped: {} is there", package.manifest.name,
                                         package.manifest.version.text(), newer->text()));
            return {};
        }
        if (same && input_.request.kind == upgrade && input_.offered.size() > 1) return {};
        if (same) return fail(errors::plan_present, "{} is there already", name_of(*here));
        if (here && !input_.pack && input_.request.kind == install &&
            !is_replaced(package.manifest, *here))
            return fail(errors::plan_other_version, "{} is there, not {}", name_of(*here),
                        package.manifest.version.text());
        if (here) TRY(check_place(package, *here));
        request_.wanted.push_back(candidate(package));
        return {};
    }

    Result<> ask_to_go() {
        for (const auto& name : input_.request.packages) {
            const auto* const here = find_package(present_, name);
            if (!here) continue;
            request_.unwanted.push_back(line_of(*here));
            const auto* const known = with_digest(input_.at_hand, here->digest);
            if (known && !known->manifest.replaces.empty()) bring_back_replaced(*known);
        }
        return {};
    }

    // A patch that goes had replaced others. Boots start those still while it is not kept, so they
    // are back with it; once it is kept they are not, and that is said.
    void bring_back_replaced(const OfferedPackage& patch) {
        const auto has_it = [&](const Generation& generation) {
            return holds(generation.packages, patch.digest);
        };
        const auto* const boots = generation_of_boots(input_);
        if (boots && !has_it(*boots)) {
            for (const auto& package : boots->packages) {
                const auto* const known = with_digest(input_.at_hand, package.digest);
                if (!known || !is_replaced(patch.manifest, package) ||
                    find_package(present_, package.name) || is_to_go(package))
                    continue;
                notes_.push_back(fmt::format("{}, which {} had replaced, is back", name_of(package),
                                             name_of(reference(patch))));
                request_.wanted.push_back(candidate(*known));
            }
            return;
        }
        for (auto before = input_.generations.rbegin(); before != input_.generations.rend();
             ++before) {
            if (has_it(*before)) continue;
            for (const auto& package : before->packages)
                if (is_replaced(patch.manifest, package) && !find_package(present_, package.name))
                    notes_.push_back(
                        fmt::format("{}, which {} has replaced, does not come back: install it "
                                    "again, or use `cutover rollback {}`",
                                    name_of(package), name_of(reference(patch)), before->id));
            return;
        }
    }

    Result<> ask_for_selection() {
        for (const auto& package : input_.depot.selected) {
            const auto* const known = with_digest(input_.at_hand, package.digest);
            if (!known)
                return std::unexpected(
                    make_error(errors::plan_package_lost,
                               fmt::format("{} is not on the device any more", name_of(package)))
                        .with_remedy("Obtain it again with `cutover packages fetch FILE`, or give "
                                     "it up with `cutover packages drop NAME`."));
            if (holds(present_, package.digest)) continue;
            const auto* const here = rival_in(present_, package);
            if (here && !is_among(input_.depot.deselected, *here)) TRY(check_place(*known, *here));
            request_.wanted.push_back(candidate(*known));
        }
        request_.unwanted = input_.depot.deselected;
        return {};
    }

    PackageChange change(const Resolution& resolution, bool new_base) {
        PackageChange result;
        for (const auto& package : resolution.packages) result.packages.push_back(package.package);
        for (const auto& package : resolution.packages) {
            const auto& digest = package.package.digest;
            const auto* const offered = with_digest(input_.offered, digest);
            if (offered && (!holds(present_, digest) || !with_digest(input_.at_hand, digest)))
                result.new_.push_back(offered);
        }
        result.gone = resolution.removed;
        result.notes = std::move(notes_);
        if (new_base)
            std::ranges::move(notes_of_patches(request_, resolution),
                              std::back_inserter(result.notes));
        result.warnings = warnings_of(request_, resolution, new_base);
        return result;
    }

    const PlanInput& input_;
    const std::vector<PackageRef>& present_;
    ResolveRequest request_;
    std::deque<Manifest> stand_ins_;  // of packages that are known by their names alone
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

// A name that two major versions have means neither.
Result<> check_one_line(const std::vector<PackageRef>& packages, const std::string& name) {
    std::vector<std::string> lines;
    for (const auto& package : packages)
        if (is_named(package, name)) lines.push_back(line_of(package));
    if (lines.size() < 2) return {};
    return std::unexpected(
        make_error(errors::plan_two_lines,
                   fmt::format("{} is there as {}", name, fmt::join(lines, " and as ")))
            .with_remedy(fmt::format("Name one of them: {}.", fmt::join(lines, " or "))));
}

// That each package named is somewhere where the request can find it.
Result<> check_names(const PlanInput& input) {
    const auto& request = input.request;
    const auto& running = generation_of(input, input.marks.running);
    const auto& startup = generation_of(input, input.marks.startup);
    for (const auto& name : request.packages) {
        const auto* here = find_package(running.packages, name);
        if (!here) here = find_package(startup.packages, name);
        if (!here && running.base.name == bare(name))
            TRY(check_matrix(PackageKind::base, OperationKind::uninstall, request.mode));
        if (!here && running.pack && running.pack->name == bare(name))
            TRY(check_matrix(PackageKind::pack, OperationKind::uninstall, request.mode));
        if (!here && request.kind == discard) here = find_package(input.depot.obtained, name);
        if (!here && request.kind == deselect) here = find_package(input.depot.selected, name);
        if (!here && is_integrated(input, bare(name)))
            return fail(errors::plan_integrated, "{} is a part of {} {}", name, running.base.name,
                        running.base.version.text());
        const auto* const other = find_package(running.packages, std::string(bare(name)));
        if (!here && other)
            return fail(errors::plan_not_present, "{} is there, not {}", name_of(*other), name);
        if (!here) return fail(errors::plan_not_present, "there is no package {}", name);
        if (request.kind != discard) TRY(check_one_line(running.packages, name));
        if (request.kind == uninstall)
            TRY(check_matrix(here->kind, OperationKind::uninstall, request.mode));
        if (request.kind == deactivate && here->kind != PackageKind::patch)
            return fail(errors::plan_only_patches, "{} is a {} package", name_of(*here),
                        to_string(here->kind));
    }
    return {};
}

// Commands for one kind send others away, to where they belong.
Result<> check_only_kind(const PlanInput& input) {
    const auto& request = input.request;
    if (!request.only_kind) return {};
    const auto refuse = [&](PackageKind kind, const std::string& name) -> Result<> {
        if (kind == *request.only_kind) return {};
        const std::string_view instead =
            request.kind == fetch     ? "Obtain it with `cutover packages fetch FILE`."
            : request.kind == install ? "Install it with `cutover install FILE`."
                                      : "Take it off the base with `cutover uninstall NAME`, or "
                                        "drop what is only obtained with `cutover packages drop "
                                        "NAME`.";
        return std::unexpected(
            make_error(errors::plan_other_kind,
                       fmt::format("{} is a {} package, not a {}", name, to_string(kind),
                                   to_string(*request.only_kind)))
                .with_remedy(instead));
    };
    if (input.pack) TRY(refuse(PackageKind::pack, input.pack->manifest.name));
    for (const auto& offered : input.offered)
        TRY(refuse(offered.manifest.kind, name_of(reference(offered))));
    const auto& running = generation_of(input, input.marks.running);
    const auto& startup = generation_of(input, input.marks.startup);
    for (const auto& name : request.packages)
        for (const auto* const list : {&running.packages, &startup.packages, &input.depot.obtained})
            if (const auto* const here = find_package(*list, name))
                TRY(refuse(here->kind, name_of(*here)));
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

const Generation* generation_of_boots(const PlanInput& input) {
    const auto& marks = input.marks;
    const auto* const running = find_generation(input.generations, marks.running);
    const auto* const startup = find_generation(input.generations, marks.startup);
    const bool same_base = running && startup && startup->slot == running->slot;
    return same_base && startup->id == marks.committed ? startup : running;
}

std::string name_of(const PackageRef& package) {
    return fmt::format("{} {}", package.name, package.version.text());
}

Result<PackageChange> change_packages(const PlanInput& input,
                                      const std::vector<PackageRef>& present, const Manifest& base,
                                      bool new_base) {
    return Question(input, present, base).answer(new_base);
}

Result<const OfferedPackage*> package_at_hand(const PlanInput& input, const std::string& name) {
    const OfferedPackage* found = nullptr;
    for (const auto& package : input.at_hand) {
        if (!is_named(reference(package), name) || !holds(input.depot.obtained, package.digest))
            continue;
        if (!found || package.manifest.version > found->manifest.version) found = &package;
    }
    if (!found) return fail(errors::plan_not_at_hand, "no package {} is at hand", name);
    return found;
}

const PackageRef* find_package(const std::vector<PackageRef>& packages, const std::string& name) {
    const auto found = std::ranges::find_if(
        packages, [&](const PackageRef& package) { return is_named(package, name); });
    return found == packages.end() ? nullptr : &*found;
}

Result<> check_request_kinds(const PlanInput& input) {
    const auto& request = input.request;
    TRY(check_only_kind(input));
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
