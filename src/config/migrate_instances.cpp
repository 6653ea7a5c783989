// ConfigStore's part of packages side by side: instances move from one to the other.

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "config/config_store.h"
#include "config/config_tree.h"
#include "config/errors.h"
#include "config/instances.h"
#include "config/migration.h"
#include "model/config_files.h"
#include "model/configuration.h"
#include "store/config_tables.h"

namespace cutover {

struct ConfigStore::Migrating {
    ConfigMigrate asked;
    ConfigSide from;
    ConfigSide to;
    std::optional<Migration> migration;
    std::vector<std::string> old_modules;
    std::string data;  // of a dry run: what it has come to; empty: nothing yet
    std::size_t most_told = kMaxMigratedTold;
};

Result<const ConfigSide*> ConfigStore::side(const std::string& line) const {
    const auto found = std::ranges::find(files_.sides, line, &ConfigSide::line);
    if (found != files_.sides.end()) return &*found;
    std::vector<std::string> lines;
    lines.reserve(files_.sides.size());
    for (const auto& known : files_.sides) lines.push_back(known.line);
    return fail(errors::config_no_side, "{} has no instances here; {}", line,
                lines.empty() ? std::string("nothing that runs has")
                              : fmt::format("{} may have", fmt::join(lines, ", ")));
}

// The package's own, or the way there in reverse.
Result<std::optional<Migration>> ConfigStore::move_between(const std::string& from,
                                                           const std::string& to) {
    const auto read = [&](const std::string& old_line,
                          const std::string& new_line) -> Result<std::optional<Migration>> {
        const auto name = fmt::format("{}-to-{}.json", old_line, new_line);
        const auto file = std::ranges::find(files_.moves, name, &ConfigFile::name);
        if (file == files_.moves.end()) return std::optional<Migration>();
        const auto text = TRY(text_of(*file, {}));
        auto migration = TRY(parse_migration(text), "migration instances/{}", name);
        if (migration.from != old_line || migration.to != new_line)
            return fail(errors::config_migration,
                        "migration instances/{} says that it is from {} to {}", name,
                        migration.from, migration.to);
        return std::optional(std::move(migration));
    };
    if (auto there = TRY(read(from, to))) return there;
    const auto back = TRY(read(to, from));
    if (!back) return std::optional<Migration>();
    auto way_back = TRY(reversed(*back), "migration instances/{}-to-{}.json", to, from);
    return std::optional(std::move(way_back));
}

Result<ConfigStore::Migrating> ConfigStore::begin_migrating(const ConfigMigrate& wanted) {
    TRY(writable());
    if (const auto trial = TRY(tables_.trial()))
        return fail(errors::config_on_trial, "revision {} of {}", trial->revision, trial->by);
    Migrating migrating;
    migrating.asked = wanted;
    migrating.from = *TRY(side(wanted.from));
    migrating.to = *TRY(side(wanted.to));
    const auto& from = migrating.from;
    const auto& to = migrating.to;
    if (from.line == to.line || from.instances.path != to.instances.path ||
        from.instances.bound_by != to.instances.bound_by)
        return fail(errors::config_no_side, "{} and {} have not the same instances", from.line,
                    to.line);
    migrating.migration = TRY(move_between(from.line, to.line));
    migrating.old_modules = from.modules;
    return migrating;
}

Result<std::vector<std::string>> ConfigStore::bound(const std::string& line, bool startup) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(files_.sides, line, &ConfigSide::line);
    if (found == files_.sides.end() || schema_id_.empty()) return std::vector<std::string>();
    TRY(usable());
    const auto pointers = TRY(tables_.pointers(schema_id_));
    const auto revision = startup ? pointers.startup : pointers.running;
    if (revision == 0) return std::vector<std::string>();
    const auto data = TRY(revision_of(revision)).data;
    return instances_in(schema(), data, found->instances);
}

// Instances of a package that the target has not, and another major version of which it has, as
// that one's: what they were moved from.
Result<std::string> ConfigStore::with_instances_back(std::string data, const ConfigFiles& target,
                                                     std::vector<std::string>& left_behind) {
    const auto name_of = [](const ConfigSide& side) {
        return side.line.substr(0, side.line.find('@'));
    };
    for (const auto& from : files_.sides) {
        const auto is_there = [&](const ConfigSide& side) { return side.line == from.line; };
        const auto takes_them = [&](const ConfigSide& side) {
            return name_of(side) == name_of(from) && side.instances.path == from.instances.path &&
                   side.instances.bound_by == from.instances.bound_by;
        };
        const auto to = std::ranges::find_if(target.sides, takes_them);
        if (std::ranges::any_of(target.sides, is_there) || to == target.sides.end()) continue;
        const auto migration = TRY(move_between(from.line, to->line));
        for (const auto& path : TRY(instances_in(schema(), data, from.instances))) {
            auto moved = move_instance({.schema = schema(),
                                        .data = data,
                                        .path = path,
                                        .from = from.instances,
                                        .to = to->instances,
                                        .migration = migration ? &*migration : nullptr,
                                        .old_modules = from.modules,
                                        .to_name = to->line,
                                        .most_told = kMaxMigratedTold});
            if (!moved) {
                left_behind.push_back(path + ": " + moved.error().text());
                continue;
            }
            for (const auto& lost : moved->lost) left_behind.push_back(lost.path + ": " + lost.why);
            data = std::move(moved->data);
        }
    }
    return data;
}

// With the mutex held. The instance is told what becomes of it, also when that is refused.
Result<> ConfigStore::migrate_one(Migrating& migrating, MigratedInstance& instance) {
    TRY(writable());
    const auto& asked = migrating.asked;
    if (migrating.data.empty())
        migrating.data = TRY(revision_of(TRY(tables_.pointers(schema_id_)).running)).data;
    auto moved =
        TRY(move_instance({.schema = schema(),
                           .data = migrating.data,
                           .path = instance.path,
                           .from = migrating.from.instances,
                           .to = migrating.to.instances,
                           .migration = migrating.migration ? &*migrating.migration : nullptr,
                           .old_modules = migrating.old_modules,
                           .to_name = asked.to,
                           .most_told = migrating.most_told}));
    instance.changes = std::move(moved.changes);
    instance.lost = std::move(moved.lost);
    instance.untold = moved.untold;
    const auto told = instance.changes.size() + instance.lost.size();
    migrating.most_told -= std::min(migrating.most_told, told);
    if (!asked.lose && !instance.lost.empty())
        return fail(
            errors::config_would_lose, "{}{} would have no place in {}", instance.lost.front().path,
            instance.lost.size() == 1 ? std::string()
                                      : fmt::format(" and {} more", instance.lost.size() - 1),
            asked.to);
    auto tree = TRY(parse(moved.data));
    if (asked.dry_run) {
        TRY(tree.validate());
        migrating.data = std::move(moved.data);
        return {};
    }
    migrating.data.clear();  // the next one begins with what runs then
    const auto revision = TRY(run(
        std::move(tree),
        {.by = asked.by,
         .comment = fmt::format("migrated {} from {} to {}", instance.path, asked.from, asked.to)},
        [](const ConfigRevision&) { return Result<>(); }));
    instance.revision = revision.id;
    return {};
}

Result<ConfigMigrated> ConfigStore::migrate(const ConfigMigrate& wanted) {
    if (wanted.instances.size() > kMaxMigrated)
        return fail(errors::config_too_large, "{} instances in one call, at most {}",
                    wanted.instances.size(), kMaxMigrated);
    std::unique_lock lock(mutex_);
    auto migrating = TRY(begin_migrating(wanted));
    const auto data = TRY(revision_of(TRY(tables_.pointers(schema_id_)).running)).data;
    auto bound = TRY(instances_in(schema(), data, migrating.from.instances));
    if (bound.size() > kMaxMigrated && wanted.instances.empty()) bound.resize(kMaxMigrated);
    ConfigMigrated report{.asked = wanted};
    for (const auto& path : wanted.instances.empty() ? bound : wanted.instances) {
        const auto known = std::ranges::find(bound, instance_path(path));
        if (known == bound.end())
            return fail(errors::config_not_bound, "{} is not bound to {}", path, wanted.from);
        const bool twice = std::ranges::find(report.instances, *known, &MigratedInstance::path) !=
                           report.instances.end();
        if (!twice || wanted.instances.empty()) report.instances.push_back({.path = *known});
    }
    for (auto& instance : report.instances) {
        const auto done = migrate_one(migrating, instance);
        instance.state = done ? MigratedInstance::State::moved : MigratedInstance::State::failed;
        if (!done) {
            instance.error = done.error();
            break;
        }
        // Others may look at the configuration meanwhile, and an operation may take hold of it.
        lock.unlock();
        lock.lock();
    }
    return report;
}

}  // namespace cutover
