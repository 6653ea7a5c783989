#include "engine/config_texts.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "engine/checks.h"
#include "engine/errors.h"
#include "engine/package_source.h"
#include "engine/ports.h"
#include "model/config_files.h"
#include "model/configuration.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/plan.h"
#include "model/plan_steps.h"
#include "model/planner.h"
#include "platform/config_data.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShown = 20;  // lines of a kind

bool has_config(const Manifest& manifest) {
    return !manifest.config_modules.empty() || !manifest.config_migrations.empty();
}

// Of the packages on offer, which may not be on the device yet.
Result<std::vector<ConfigText>> offered_texts(const CheckContext& context) {
    std::vector<ConfigText> result;
    const auto not_before = TRY(context.ports.store.newest_signing_time());
    const auto tmp = context.ports.folder / "tmp";
    TRY(make_folders(tmp));
    for (const auto& offered : context.input.offered) {
        if (!has_config(offered.manifest)) continue;
        const auto folder = TRY(TempFolder::create(tmp, "modules-"));
        const auto package =
            TRY(context.ports.packages.open(offered.source, not_before, context.stop));
        if (package->digest() != offered.digest) continue;  // told by the step that reads it again
        TRY(package->unpack_hooks(folder.path()));
        for (auto& text : TRY(config_texts(package->manifest(), folder.path())))
            result.push_back(std::move(text));
    }
    return result;
}

std::string line_of(const ConfigChange& change) {
    switch (change.kind) {
        case ConfigChange::Kind::added: return fmt::format("+ {} {}", change.path, change.after);
        case ConfigChange::Kind::removed: return fmt::format("- {} {}", change.path, change.before);
        case ConfigChange::Kind::changed:
            return fmt::format("~ {} {} -> {}", change.path, change.before, change.after);
        case ConfigChange::Kind::moved: return fmt::format("> {} -> {}", change.path, change.after);
    }
    return {};
}

std::string line_of(const ConfigLoss& loss) {
    return fmt::format("! {} {} is lost: {}", loss.path, loss.value, loss.why);
}

template <typename Items>
void add_lines(const Items& items, std::string& text) {
    for (std::size_t i = 0; i < items.size() && i < kShown; ++i) text += "\n" + line_of(items[i]);
    if (items.size() > kShown) text += fmt::format("\n  and {} more", items.size() - kShown);
}

std::string in_words(const ConfigUpgrade& upgrade) {
    auto text = fmt::format("{} changed, {} lost", upgrade.changes.size(), upgrade.lost.size());
    if (const auto left = upgrade.left_behind.size(); left != 0)
        text += fmt::format(", {} not carried back", left);
    add_lines(upgrade.changes, text);
    add_lines(upgrade.lost, text);
    for (std::size_t i = 0; i < upgrade.left_behind.size() && i < kShown; ++i)
        text += "\n! " + upgrade.left_behind[i];
    return text;
}

CheckResult refused(Error error) {
    auto detail = error.message;
    return {
        .verdict = CheckVerdict::refused, .detail = std::move(detail), .error = std::move(error)};
}

}  // namespace

Result<std::vector<ConfigText>> config_texts(const Manifest& manifest, const fs::path& folder) {
    std::vector<ConfigText> result;
    const auto files = config_files_of({&manifest});
    const auto read = [&](const ConfigFile& file, const fs::path& path) -> Result<> {
        result.push_back({.digest = file.digest, .text = TRY(read_file(path, kMaxHookBytes))});
        return {};
    };
    for (const auto& file : files.modules) TRY(read(file, folder / file.name));
    for (const auto& file : files.migrations)
        TRY(read(file, folder / manifest.config_migrations / file.name));
    for (const auto& file : files.moves)
        TRY(read(file, folder / manifest.config_migrations / "instances" / file.name));
    return result;
}

ConfigWay config_way(OperationKind kind) {
    const bool back = kind == OperationKind::rollback || kind == OperationKind::revert;
    return back ? ConfigWay::back : ConfigWay::forward;
}

CheckResult check_configuration(const CheckContext& context) {
    auto* const configuration = context.ports.configuration;
    if (!configuration) return {.detail = "this device keeps none that YANG modules describe"};
    const auto& steps = context.plan.steps;
    if (std::ranges::find(steps, StepKind::upgrade_config, &Step::kind) == steps.end())
        return {.detail = "the YANG modules stay as they are, and it with them"};
    const auto texts = offered_texts(context);
    if (!texts) return refused(texts.error());
    const auto files = config_files_of(manifests_of(context.input, context.plan.target));
    const auto upgrade =
        configuration->examine(files, config_way(context.input.request.kind), *texts);
    if (!upgrade) return refused(upgrade.error());
    if (!upgrade->invalid.empty()) {
        auto error = make_error(errors::check_configuration_breaks,
                                fmt::format("{}", fmt::join(upgrade->invalid, "; ")));
        return refused(std::move(error));
    }
    auto detail = in_words(*upgrade);
    if (!upgrade->lost.empty())
        return {.verdict = CheckVerdict::refused,
                .detail = detail,
                .error = make_error(errors::check_configuration_lost, std::move(detail))};
    return {.verdict = upgrade->left_behind.empty() ? CheckVerdict::ok : CheckVerdict::warning,
            .detail = std::move(detail)};
}

}  // namespace cutover
