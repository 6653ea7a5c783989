#include "engine/package_checks.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/counted.h"
#include "base/error.h"
#include "engine/checks.h"
#include "engine/errors.h"
#include "engine/ports.h"
#include "engine/stack.h"
#include "model/generation.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/package_kind.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/side_by_side.h"
#include "platform/errors.h"
#include "platform/layers.h"

namespace cutover {
namespace {

const Generation* running_of(const CheckContext& context) {
    return find_generation(context.input.generations, context.input.marks.running);
}

const Manifest* manifest_of(const CheckContext& context, const std::string& digest) {
    for (const auto* const known : {&context.input.at_hand, &context.input.offered})
        if (const auto found = std::ranges::find(*known, digest, &OfferedPackage::digest);
            found != known->end())
            return &found->manifest;
    return nullptr;
}

CheckResult refused(Error error) {
    auto detail = error.message;
    return {
        .verdict = CheckVerdict::refused, .detail = std::move(detail), .error = std::move(error)};
}

bool is_inside(std::string_view path, std::string_view folder) {
    return path == folder ||
           (path.starts_with(folder) && path.substr(folder.size()).starts_with('/'));
}

// What a package keeps, and no other of the target does.
std::vector<std::string> left_alone(const CheckContext& context, const Manifest& gone) {
    std::vector<const Manifest*> others;
    if (const auto& base = context.input.base) others.push_back(&*base);
    for (const auto& package : context.plan.target.packages)
        if (const auto* const manifest = manifest_of(context, package.digest))
            others.push_back(manifest);
    const auto some = [&](const auto& has) { return std::ranges::any_of(others, has); };
    std::vector<std::string> left;
    if (some([&](const Manifest* other) { return other->provides.contains(gone.name); }))
        return left;
    for (const auto& path : gone.persist)
        if (!some([&](const Manifest* other) {
                return std::ranges::any_of(
                    other->persist, [&](const std::string& kept) { return is_inside(path, kept); });
            }))
            left.push_back(path);
    for (const auto& module : gone.config_modules)
        if (!some([&](const Manifest* other) {
                return std::ranges::find(other->config_modules, module) !=
                       other->config_modules.end();
            }))
            left.push_back("configuration of " + module);
    return left;
}

// Of a package that is not stored yet. A deb payload tells its files only once it is installed;
// what comes over a network is looked at when it is there, and not fetched twice.
Result<LayerOutline> outline_of(const CheckContext& context, const PlannedLayer& layer) {
    LayerOutline outline{.digest = layer.package.digest};
    const auto package = TRY(context.ports.packages.open(
        layer.source, TRY(context.ports.store.newest_signing_time()), context.stop));
    const auto& manifest = package->manifest();
    outline.name = fmt::format("{} {}", manifest.name, manifest.version.text());
    if (manifest.payload.type != PayloadType::tree) return outline;
    outline.entries = TRY(package->entries());
    return outline;
}

bool is_stored(const CheckContext& context, const std::string& digest) {
    return std::ranges::find(context.input.at_hand, digest, &OfferedPackage::digest) !=
           context.input.at_hand.end();
}

}  // namespace

bool has_packages_to_judge(const CheckContext& context) {
    const auto* const running = running_of(context);
    const auto& plan = context.plan;
    const bool new_base = running && !plan.target.base.name.empty() && plan.target.id == 0 &&
                          plan.target.base.digest != running->base.digest;
    return !plan.warnings.empty() ||
           (new_base && (!running->packages.empty() || !plan.target.packages.empty()));
}

CheckResult check_packages(const CheckContext& context) {
    const auto& warnings = context.plan.warnings;
    if (!warnings.empty())
        return {.verdict = CheckVerdict::warning,
                .detail = fmt::format("{}", fmt::join(warnings, "\n"))};
    return {.detail = fmt::format(
                "{} on top of {} {}", counted(context.plan.target.packages.size(), "package"),
                context.plan.target.base.name, context.plan.target.base.version.text())};
}

CheckResult check_paths(const CheckContext& context) {
    const auto& target = context.plan.target;
    const auto* const offered = offered_base(context.input);
    const auto& active = context.input.base;
    const auto& standby = context.input.standby;
    const auto* const base = offered                               ? &offered->manifest
                             : target.slot == context.input.active ? (active ? &*active : nullptr)
                             : standby                             ? &*standby
                                                                   : nullptr;
    if (!base) return {.detail = "the base is not known"};
    std::vector<LayerOutline> outlines;
    for (const auto& layer : context.plan.layers) {
        const bool remote = layer.source.find("://") != std::string::npos;
        if (remote || is_stored(context, layer.package.digest)) continue;
        auto outline = outline_of(context, layer);
        if (!outline) return refused(std::move(outline).error());
        outlines.push_back(*std::move(outline));
    }
    const auto checked = context.ports.layers.check(*base, layers_of(target), outlines);
    if (checked) return {.detail = "no package hides what belongs to the base"};
    if (checked.error().id == errors::layer_conflict.id) return refused(checked.error());
    // Not for this check to judge: it may be what the operation is to mend.
    return {.verdict = CheckVerdict::warning, .detail = checked.error().text()};
}

CheckResult check_data(const CheckContext& context) {
    const auto* const running = running_of(context);
    std::vector<std::string> lost;
    for (const auto& package : running ? running->packages : std::vector<PackageRef>()) {
        const auto& target = context.plan.target.packages;
        const bool stays = rival_in(target, package) != nullptr;
        const auto* const manifest = stays ? nullptr : manifest_of(context, package.digest);
        if (!manifest) continue;
        if (const auto left = left_alone(context, *manifest); !left.empty())
            lost.push_back(fmt::format("{} {} ({})", package.name, package.version.text(),
                                       fmt::join(left, ", ")));
    }
    if (lost.empty()) return {.detail = "nothing that packages keep is left alone"};
    return refused(
        make_error(errors::check_data,
                   fmt::format("nothing takes the place of {}, which {} data",
                               fmt::join(lost, ", nor of "), lost.size() == 1 ? "keeps" : "keep")));
}

}  // namespace cutover
