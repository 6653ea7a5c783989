#include "engine/instance_checks.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/counted.h"
#include "base/error.h"
#include "engine/checks.h"
#include "engine/errors.h"
#include "engine/ports.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/planner.h"
#include "model/side_by_side.h"
#include "platform/config_data.h"

namespace cutover {
namespace {

constexpr std::size_t kNamed = 20;

std::string listed(const std::vector<std::string>& paths) {
    std::string text;
    for (std::size_t i = 0; i < paths.size() && i < kNamed; ++i)
        text += (i == 0 ? "" : ", ") + paths[i];
    if (paths.size() > kNamed) text += fmt::format(" and {} more", paths.size() - kNamed);
    return text;
}

// The other major version that stays or comes, to which they can be moved.
std::string other_side(const CheckContext& context, const PackageRef& gone) {
    for (const auto& package : context.plan.target.packages)
        if (package.name == gone.name) return line_of(package);
    return fmt::format("{}@MAJOR", gone.name);
}

// With other modules, boots begin with what runs now.
bool makes_startup(const CheckContext& context) {
    const auto& steps = context.plan.steps;
    return std::ranges::find(steps, StepKind::upgrade_config, &Step::kind) != steps.end();
}

CheckResult refused(Error error) {
    auto detail = error.message;
    return {
        .verdict = CheckVerdict::refused, .detail = std::move(detail), .error = std::move(error)};
}

}  // namespace

std::vector<PackageRef> sides_that_go(const CheckContext& context) {
    std::vector<PackageRef> gone;
    const auto* const running =
        find_generation(context.input.generations, context.input.marks.running);
    if (!running) return gone;
    const auto stays = [&](const std::string& line) {
        return std::ranges::any_of(context.plan.target.packages, [&](const PackageRef& package) {
            return line_of(package) == line;
        });
    };
    for (const auto& package : running->packages)
        if (package.side_by_side && !stays(line_of(package))) gone.push_back(package);
    return gone;
}

// Whoever goes back is told of it and not held up: instances go back with the packages.
CheckResult check_instances(const CheckContext& context) {
    auto* const configuration = context.ports.configuration;
    if (!configuration) return {.detail = "this device keeps no such configuration"};
    const auto kind = context.input.request.kind;
    const bool back = kind == OperationKind::rollback || kind == OperationKind::revert;
    std::string detail;
    std::string commands;
    std::string unsaved;
    for (const auto& package : sides_that_go(context)) {
        const auto line = line_of(package);
        const auto bound = configuration->bound(line, false);
        const auto saved = configuration->bound(line, true);
        if (!bound) return {.verdict = CheckVerdict::warning, .detail = bound.error().text()};
        if (bound->empty() && saved && !saved->empty() && !makes_startup(context))
            unsaved += fmt::format("{}{}", unsaved.empty() ? "" : ", ", line);
        if (bound->empty()) continue;
        detail +=
            fmt::format("{}{} bound to {}: {}", detail.empty() ? "" : "; ",
                        counted(bound->size(), "instance") + (bound->size() == 1 ? " is" : " are"),
                        line, listed(*bound));
        commands +=
            fmt::format("{}`cutover migrate --from {} --to {} --all`",
                        commands.empty() ? "" : " and ", line, other_side(context, package));
    }
    if (detail.empty() && !unsaved.empty() && !back)
        return refused(make_error(errors::check_instances,
                                  fmt::format("what a boot begins with binds instances to {} "
                                              "still",
                                              unsaved))
                           .with_remedy("Save what runs first with `cutover config save`."));
    if (detail.empty()) return {.detail = "nothing is bound to what goes"};
    if (back)
        return {.verdict = CheckVerdict::warning,
                .detail = detail + "; they go back as far as a migration leads back"};
    return refused(
        make_error(errors::check_instances, std::move(detail))
            .with_remedy(fmt::format("Move them first with {}, or delete them.", commands)));
}

}  // namespace cutover
