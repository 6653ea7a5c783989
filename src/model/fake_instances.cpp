// What FakeConfiguration does with instances.

#include <algorithm>
#include <cstddef>
#include <expected>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"
#include "model/configuration.h"
#include "model/fake_configuration.h"

namespace cutover {
namespace {

constexpr std::string_view kBinding = "/driver";

Error error_of(Errc kind, std::string id, std::string message, std::string remedy) {
    return {.kind = kind,
            .id = std::move(id),
            .message = std::move(message),
            .remedy = std::move(remedy)};
}

}  // namespace

void FakeConfiguration::migrate_one(const ConfigMigrate& wanted, MigratedInstance& instance,
                                    Tree& tree) {
    const auto driver = instance.path + std::string(kBinding);
    const auto before = tree;
    instance.changes.push_back({driver, driver, wanted.from, wanted.to});
    tree[driver] = wanted.to;
    const auto old_as = instance.path + "/bgp/as";
    if (const auto found = tree.find(old_as); found != tree.end()) {
        const auto new_as = instance.path + "/routing/as-number";
        instance.changes.push_back({old_as, new_as, found->second, found->second});
        tree[new_as] = found->second;
        tree.erase(old_as);
    }
    const auto banner = instance.path + "/banner";
    if (const auto found = tree.find(banner); found != tree.end()) {
        instance.lost.push_back({banner, found->second, wanted.to + " has no place for it"});
        tree.erase(banner);
    }
    if (!instance.lost.empty() && !wanted.lose) {
        tree = before;
        instance.state = MigratedInstance::State::failed;
        instance.error = error_of(
            Errc::conflict, "config.would_lose",
            fmt::format("{} would have no place in {}", banner, wanted.to),
            "Take a backup and remove the data that is named, or give --force to lose it.");
        return;
    }
    instance.state = MigratedInstance::State::moved;
}

void FakeConfiguration::set_at_once(std::size_t instances) {
    const std::lock_guard lock(mutex_);
    at_once_ = instances;
}

Result<ConfigMigrated> FakeConfiguration::migrate(const ConfigMigrate& wanted) {
    const std::lock_guard lock(mutex_);
    for (const auto& line : {wanted.from, wanted.to})
        if (!line.starts_with("router@"))
            return std::unexpected(
                error_of(Errc::not_found, "config.no_side",
                         fmt::format("{} has no instances here; router@1, router@2 may have", line),
                         "Name two major versions that `cutover show packages` lists."));
    ConfigMigrated report{.asked = wanted, .instances = {}};
    for (const auto& [path, value] : running_tree()) {
        if (!path.ends_with(kBinding) || value != wanted.from) continue;
        MigratedInstance instance;
        instance.path = path.substr(0, path.size() - kBinding.size());
        if (wanted.instances.empty() ||
            std::ranges::find(wanted.instances, instance.path) != wanted.instances.end())
            report.instances.push_back(std::move(instance));
    }
    for (const auto& path : wanted.instances)
        if (std::ranges::find(report.instances, path, &MigratedInstance::path) ==
            report.instances.end())
            return std::unexpected(error_of(Errc::not_found, "config.not_bound",
                                            fmt::format("{} is not bound to {}", path, wanted.from),
                                            "See which are with a dry run."));
    auto tree = running_tree();
    std::size_t moved = 0;
    for (auto& instance : report.instances) {
        if (moved == at_once_ && !wanted.dry_run) break;
        migrate_one(wanted, instance, tree);
        if (instance.state == MigratedInstance::State::failed) break;
        ++moved;
    }
    if (moved == 0 || wanted.dry_run) return report;
    const auto what =
        moved == 1 ? report.instances.front().path : fmt::format("{} instances", moved);
    const auto comment = fmt::format("migrated {} from {} to {}", what, wanted.from, wanted.to);
    const auto revision = add(std::move(tree), wanted.by, comment).id;
    for (std::size_t i = 0; i < moved; ++i) report.instances[i].revision = revision;
    return report;
}

}  // namespace cutover
