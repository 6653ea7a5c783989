// ConfigStore's part of packages side by side: instances move from one to the other.

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
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
    std::string data;  // of a dry run: what it has come to; empty: nothing yet
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
        const InstancesMove how{.schema = schema(),
                                .from = from.instances,
                                .to = to->instances,
                                .migration = migration ? &*migration : nullptr,
                                .old_modules = from.modules,
                                .to_name = to->line,
                                .lose = true};
        auto moving = TRY(MovingInstances::begin(how, data));
        for (const auto& path : TRY(instances_in(schema(), data, from.instances))) {
            const auto moved = moving.move(path, kMaxMigratedTold);
            if (!moved) {
                left_behind.push_back(path + ": " + moved.error().text());
                continue;
            }
            for (const auto& lost : moved->lost) left_behind.push_back(lost.path + ": " + lost.why);
        }
        data = moving.data();
    }
    return data;
}

// Makes what the data have become what runs, or of a dry run what it goes on with.
Result<> ConfigStore::put_migrated(Migrating& migrating, const std::string& data,
                                   std::span<MigratedInstance> together) {
    const auto& asked = migrating.asked;
    auto tree = TRY(parse(data));
    if (asked.dry_run) {
        TRY(tree.validate());
        migrating.data = TRY(tree.print(ConfigFormat::json));  // what would be stored
        for (auto& instance : together) instance.state = MigratedInstance::State::moved;
        return {};
    }
    const auto what =
        together.size() == 1 ? together.front().path : fmt::format("{} instances", together.size());
    ConfigRevisionId made = 0;
    const auto done =
        run(std::move(tree),
            {.by = asked.by,
             .comment = fmt::format("migrated {} from {} to {}", what, asked.from, asked.to)},
            [&](const ConfigRevision& revision) {
                made = revision.id;
                return Result<>();
            });
    // It runs also where its file could not be written for services.
    if (done || (made != 0 && TRY(tables_.pointers(schema_id_)).running == made))
        for (auto& instance : together) {
            instance.state = MigratedInstance::State::moved;
            instance.revision = made;
        }
    static_cast<void>(TRY(done));
    return {};
}

// In one revision, or not at all. `moved` is then how many could be before the first that cannot;
// all of them, when it is the rules of the modules that say no.
Result<> ConfigStore::move_together(Migrating& migrating, std::span<MigratedInstance> together,
                                    std::size_t& moved) {
    TRY(writable());
    const auto& asked = migrating.asked;
    if (!asked.dry_run || migrating.data.empty())
        migrating.data = TRY(revision_of(TRY(tables_.pointers(schema_id_)).running)).data;
    const InstancesMove how{.schema = schema(),
                            .from = migrating.from.instances,
                            .to = migrating.to.instances,
                            .migration = migrating.migration ? &*migrating.migration : nullptr,
                            .old_modules = migrating.from.modules,
                            .to_name = asked.to,
                            .lose = asked.lose};
    auto moving = TRY(MovingInstances::begin(how, migrating.data));
    auto room = kMaxMigratedTold;
    for (moved = 0; moved < together.size(); ++moved) {
        auto& instance = together[moved];
        auto told = TRY(moving.move(instance.path, room));
        room -= std::min(room, told.changes.size() + told.lost.size());
        instance.changes = std::move(told.changes);
        instance.lost = std::move(told.lost);
        instance.untold = told.untold;
        if (!asked.lose && !instance.lost.empty())
            return fail(errors::config_would_lose, "{}{} would have no place in {}",
                        instance.lost.front().path,
                        instance.lost.size() == 1
                            ? std::string()
                            : fmt::format(" and {} more", instance.lost.size() - 1),
                        asked.to);
    }
    return put_migrated(migrating, moving.data(), together);
}

// With the mutex held. False when one of them fails; those before it are moved then.
bool ConfigStore::migrate_together(Migrating& migrating, std::span<MigratedInstance> together) {
    std::size_t moved = 0;
    const auto done = move_together(migrating, together, moved);
    if (done) return true;
    const bool broken = done.error().id == errors::config_invalid.id ||
                        done.error().id == errors::config_unreadable.id;
    const bool all = moved == together.size();
    if (all && moved > 1 && broken) {
        const auto half = together.size() / 2;
        return migrate_together(migrating, together.first(half)) &&
               migrate_together(migrating, together.subspan(half));
    }
    if (!all && moved > 0 && !migrate_together(migrating, together.first(moved))) return false;
    auto& first = together[all ? 0 : moved];
    if (first.state != MigratedInstance::State::moved)
        first.state = MigratedInstance::State::failed;
    first.error = done.error();
    return false;
}

Result<ConfigMigrated> ConfigStore::migrate(const ConfigMigrate& wanted) {
    if (wanted.instances.size() > kMaxMigrated)
        return fail(errors::config_too_large, "{} instances in one call, at most {}",
                    wanted.instances.size(), kMaxMigrated);
    std::unique_lock lock(mutex_);
    auto migrating = TRY(begin_migrating(wanted));
    const auto data = TRY(revision_of(TRY(tables_.pointers(schema_id_)).running)).data;
    const auto bound = TRY(instances_in(schema(), data, migrating.from.instances));
    const std::unordered_set<std::string> known(bound.begin(), bound.end());
    std::unordered_set<std::string> asked;
    ConfigMigrated report{.asked = wanted};
    for (const auto& named : wanted.instances.empty() ? bound : wanted.instances) {
        auto path = instance_path(named);
        if (!known.contains(path))
            return fail(errors::config_not_bound, "{} is not bound to {}", named, wanted.from);
        if (report.instances.size() < kMaxMigrated && asked.insert(path).second)
            report.instances.push_back({.path = std::move(path)});
    }
    for (std::span rest(report.instances); !rest.empty();) {
        const auto together = rest.first(std::min(rest.size(), kMigratedAtOnce));
        if (!migrate_together(migrating, together) || !wanted.dry_run) break;
        rest = rest.subspan(together.size());
        // Others may look at the configuration meanwhile, and an operation may take hold of it.
        lock.unlock();
        lock.lock();
    }
    for (auto& instance : report.instances)  // also what was tried with one that failed
        if (instance.state == MigratedInstance::State::untouched)
            instance = {.path = std::move(instance.path)};
    return report;
}

}  // namespace cutover
