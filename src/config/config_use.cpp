// The engine's part of ConfigStore: which modules are in force, and how data comes to others.

#include <algorithm>
#include <cstddef>
#include <expected>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "config/config_store.h"
#include "config/config_tree.h"
#include "config/data_upgrade.h"
#include "config/errors.h"
#include "config/migration_script.h"
#include "config/rebase.h"
#include "config/yang_schema.h"
#include "crypto/digest.h"
#include "model/config_files.h"
#include "model/configuration.h"
#include "model/operation.h"
#include "platform/config_data.h"
#include "store/config_tables.h"

namespace cutover {
namespace {

std::vector<std::string> digests_of(const std::vector<ConfigFile>& files) {
    std::vector<std::string> result;
    result.reserve(files.size());
    for (const auto& file : files) result.push_back(file.digest);
    std::ranges::sort(result);
    const auto twice = std::ranges::unique(result);
    result.erase(twice.begin(), twice.end());
    return result;
}

// The same for the same modules, whichever packages bring them.
std::string schema_id_of(const ConfigFiles& files) {
    if (files.modules.empty()) return {};
    return to_hex(sha256(fmt::format("{}", fmt::join(digests_of(files.modules), "\n"))));
}

ConfigChange change_of(const DataChange& change) {
    const auto& path = change.path_before.empty() ? change.path_after : change.path_before;
    switch (change.kind) {
        case DataChange::Kind::added:
            return {ConfigChange::Kind::added, path, change.before, change.after};
        case DataChange::Kind::removed:
            return {ConfigChange::Kind::removed, path, change.before, change.after};
        case DataChange::Kind::changed:
            return {ConfigChange::Kind::changed, path, change.before, change.after};
        case DataChange::Kind::moved:
            return {ConfigChange::Kind::moved, path, {}, change.path_after};
    }
    return {};
}

std::vector<ConfigChange> changes_of(const std::vector<DataChange>& changes) {
    std::vector<ConfigChange> result;
    result.reserve(changes.size());
    for (const auto& change : changes) result.push_back(change_of(change));
    return result;
}

std::vector<std::string> texts_of(const std::vector<InvalidData>& invalid) {
    std::vector<std::string> result;
    result.reserve(invalid.size());
    for (const auto& one : invalid)
        result.push_back(one.path.empty() ? one.why : one.path + ": " + one.why);
    return result;
}

ConfigUpgrade report_of(const DataUpgrade& upgrade) {
    ConfigUpgrade report{.changes = changes_of(upgrade.changes),
                         .invalid = texts_of(upgrade.invalid),
                         .untold = upgrade.changes_untold + upgrade.lost_untold};
    for (const auto& lost : upgrade.lost) report.lost.push_back({lost.path, lost.value, lost.why});
    return report;
}

ConfigUpgrade report_of(const CarriedBack& back) {
    ConfigUpgrade report{.changes = changes_of(back.carried),
                         .invalid = texts_of(back.invalid),
                         .untold = back.carried_untold + back.not_carried_untold};
    for (const auto& left : back.not_carried) {
        const auto change = change_of(left.change);
        report.left_behind.push_back(change.path + ": " + left.why);
    }
    return report;
}

constexpr auto kEmpty = "{}\n";
constexpr std::size_t kNamed = 5;

std::string text_of_loss(const ConfigLoss& loss) { return loss.path + " (" + loss.why + ")"; }
std::string text_of_loss(const std::string& text) { return text; }

template <typename Items>
std::string listed(const Items& items) {
    std::string all;
    for (std::size_t i = 0; i < items.size() && i < kNamed; ++i)
        all += (i == 0 ? "" : "; ") + text_of_loss(items[i]);
    if (items.size() > kNamed) all += fmt::format("; and {} more", items.size() - kNamed);
    return all;
}

}  // namespace

Result<> ConfigStore::keep(const std::vector<ConfigText>& texts) {
    const std::lock_guard lock(mutex_);
    return tables_.transact([&]() -> Result<> {
        for (const auto& text : texts) TRY(tables_.put_text(text.digest, text.text));
        return {};
    });
}

Result<bool> ConfigStore::has(std::string_view digest) {
    const std::lock_guard lock(mutex_);
    return TRY(tables_.text(digest)).has_value();
}

Result<ConfigRevisionId> ConfigStore::set_startup(const std::string& document,
                                                  const std::string& by) {
    const std::lock_guard lock(mutex_);
    TRY(writable());
    const auto first = document.find_first_not_of(" \t\r\n");
    const bool xml = first != std::string::npos && document[first] == '<';
    auto tree =
        TRY(ConfigTree::parse(schema(), document, xml ? ConfigFormat::xml : ConfigFormat::json));
    TRY(tree.validate());
    const auto data = TRY(tree.print(ConfigFormat::json));
    auto pointers = TRY(tables_.pointers(schema_id_));
    TRY(tables_.transact([&]() -> Result<> {
        pointers.startup = TRY(tables_.add_revision({.about = {.made_from = pointers.running,
                                                               .made = options_.clock.wall(),
                                                               .by = by,
                                                               .comment = "for the next boot"},
                                                     .schema = schema_id_,
                                                     .data = data}));
        return tables_.set_pointers(schema_id_, pointers);
    }));
    options_.log.info("startup configuration replaced",
                      {{"revision", std::to_string(pointers.startup)}, {"by", by}});
    return pointers.startup;
}

Result<std::string> ConfigStore::text_of(const ConfigFile& file,
                                         const std::vector<ConfigText>& more) {
    const auto given = std::ranges::find(more, file.digest, &ConfigText::digest);
    if (given != more.end()) return given->text;
    if (auto kept = TRY(tables_.text(file.digest))) return std::move(*kept);
    return fail(errors::config_unusable, "the text of {} is not at hand", file.name);
}

Result<YangSchema> ConfigStore::compile(const ConfigFiles& files,
                                        const std::vector<ConfigText>& more) {
    std::vector<std::string> texts;
    std::vector<std::string> seen;
    for (const auto& file : files.modules) {
        if (std::ranges::find(seen, file.digest) != seen.end()) continue;
        seen.push_back(file.digest);
        texts.push_back(TRY(text_of(file, more)));
    }
    return YangSchema::compile(texts);
}

// A revision of the modules that were in force before, with those that are now.
Result<std::string> ConfigStore::data_from(const std::string& before, ConfigRevisionId id) {
    const auto revision = TRY(tables_.revision(id));
    if (!revision) return std::string(kEmpty);
    ConfigFiles files;
    for (auto& digest : TRY(tables_.modules_of(before)))
        files.modules.push_back({.name = "a module of before", .digest = std::move(digest)});
    const auto from = TRY(compile(files, {}));
    const auto migrations = TRY(migrations_of(files_, {}));
    auto upgraded = TRY(upgrade_data({.from = from,
                                      .data = revision->data,
                                      .to = schema(),
                                      .migrations = migrations,
                                      .run_script = script_runner(migrations)}));
    if (!upgraded.usable())
        return fail(errors::config_would_break, "{}", listed(texts_of(upgraded.invalid)));
    if (!upgraded.lost.empty())
        options_.log.warning("configuration data has no place any more",
                             {{"nodes", std::to_string(upgraded.lost.size())}});
    return std::move(upgraded.data);
}

// What a schema begins with that no operation has prepared, as after a restore: what there was, as
// far as its modules take it; else nothing, whether or not they demand more.
Result<std::string> ConfigStore::first_data(const std::string& before) {
    const auto there = TRY(tables_.pointers(before)).running;
    auto data = there == 0 ? Result<std::string>(kEmpty) : data_from(before, there);
    if (!data)
        options_.log.warning("the configuration begins anew", {{"error", data.error().text()}});
    return data.value_or(kEmpty);
}

// What was saved after an operation had prepared these modules for the next startup comes along.
Result<std::optional<ConfigStore::SavedMeanwhile>> ConfigStore::saved_meanwhile(
    const std::string& schema, const std::string& before, ConfigRevisionId startup) {
    const auto origin = TRY(tables_.origin(schema));
    const auto saved = TRY(tables_.pointers(before)).startup;
    if (!origin || origin->from_schema != before || origin->first != startup ||
        saved <= origin->from)
        return std::nullopt;
    auto data = data_from(before, saved);
    if (data) return SavedMeanwhile{.from = saved, .data = std::move(*data)};
    options_.log.warning("what was saved meanwhile is not carried over",
                         {{"error", data.error().text()}});
    return std::nullopt;
}

// The candidate's data on top of what runs now, with the modules of what runs now.
Result<std::string> ConfigStore::carried(const ConfigTables::Candidate& candidate) {
    const auto base = TRY(tables_.revision(candidate.about.made_from));
    if (!base) return fail(errors::config_no_such_revision, "what it was made of is gone");
    const auto before = TRY(parse(base->data));
    const auto changed = TRY(parse(candidate.data));
    const auto running = TRY(tables_.pointers(schema_id_)).running;
    auto onto = TRY(parse(TRY(revision_of(running)).data));
    TRY(rebase(before, changed, onto));
    return onto.print(ConfigFormat::json);
}

// What cannot be carried over stays as it is, with the reason: it is usable again when the device
// goes back to the modules that it was made for.
Result<> ConfigStore::carry_candidates(const std::string& schema) {
    const auto running = TRY(tables_.pointers(schema)).running;
    for (const auto& known : TRY(tables_.candidates())) {
        if (known.schema == schema) continue;
        auto candidate = TRY(tables_.candidate(known.about.session));
        if (!candidate) continue;
        if (auto data = carried(*candidate)) {
            candidate->data = std::move(*data);
            candidate->schema = schema;
            candidate->about.made_from = running;
            candidate->about.problem.clear();
        } else {
            candidate->about.problem = data.error().text();
        }
        TRY(tables_.transact([&] { return tables_.put_candidate(*candidate); }));
    }
    return {};
}

// Migrations of both sides: of what comes for the way forward, of what runs for the way back.
Result<std::vector<MigrationFile>> ConfigStore::migrations_of(const ConfigFiles& target,
                                                              const std::vector<ConfigText>& more) {
    std::vector<MigrationFile> result;
    std::vector<std::string> seen;
    for (const auto* side : {&target.migrations, &std::as_const(files_).migrations})
        for (const auto& file : *side) {
            if (std::ranges::find(seen, file.name) != seen.end()) continue;
            seen.push_back(file.name);
            result.push_back(TRY(migration_file(file.name, TRY(text_of(file, more)))));
        }
    return result;
}

RunMigrationScript ConfigStore::script_runner(const std::vector<MigrationFile>& migrations) const {
    return [this, &migrations](const std::string& module, const std::string& from,
                               const std::string& to, const std::string& json) {
        const auto file = std::ranges::find_if(migrations, [&](const MigrationFile& one) {
            return one.script && one.module == module && one.from == from && one.to == to;
        });
        CUTOVER_CHECK(file != migrations.end());
        return run_migration_script(options_.scripts, *file, json);
    };
}

Result<ConfigStore::Upgraded> ConfigStore::upgrade(const ConfigFiles& target, ConfigWay way,
                                                   const std::vector<ConfigText>& more) {
    TRY(usable());
    const auto target_id = schema_id_of(target);
    const auto running = TRY(tables_.pointers(schema_id_)).running;
    auto now = TRY(revision_of(running)).data;
    std::vector<std::string> left;
    if (way == ConfigWay::back) now = TRY(with_instances_back(std::move(now), target, left));
    const auto wanted = TRY(compile(target, more));
    const auto migrations = TRY(migrations_of(target, more));
    Upgraded result{.from = running};
    const auto origin = TRY(tables_.origin(schema_id_));
    const bool back_there = way == ConfigWay::back && origin && origin->from_schema == target_id;
    const auto first = back_there ? TRY(tables_.revision(origin->first)) : std::nullopt;
    const auto old = back_there ? TRY(tables_.revision(origin->from)) : std::nullopt;
    if (first && old) {
        auto back = TRY(carry_back({.old_schema = wanted,
                                    .old_then = old->data,
                                    .new_schema = schema(),
                                    .new_then = first->data,
                                    .new_now = now,
                                    .migrations = migrations,
                                    .run_script = script_runner(migrations)}));
        result.report = report_of(back);
        std::ranges::move(left, std::back_inserter(result.report.left_behind));
        result.data = std::move(back.data);
        return result;
    }
    auto upgraded = TRY(upgrade_data({.from = schema(),
                                      .data = now,
                                      .to = wanted,
                                      .migrations = migrations,
                                      .run_script = script_runner(migrations)}));
    result.report = report_of(upgraded);
    std::ranges::move(left, std::back_inserter(result.report.left_behind));
    result.data = std::move(upgraded.data);
    return result;
}

Result<ConfigUpgrade> ConfigStore::examine(const ConfigFiles& target, ConfigWay way,
                                           const std::vector<ConfigText>& more) {
    const std::lock_guard lock(mutex_);
    if (schema_id_.empty() || schema_id_of(target) == schema_id_) {
        if (!target.modules.empty()) TRY(compile(target, more));
        return ConfigUpgrade{};
    }
    return TRY(upgrade(target, way, more)).report;
}

Result<ConfigRevisionId> ConfigStore::prepare(const ConfigFiles& target, ConfigWay way,
                                              OperationId operation, bool lose) {
    const std::lock_guard lock(mutex_);
    const auto target_id = schema_id_of(target);
    if (target_id == schema_id_) return TRY(tables_.pointers(schema_id_)).running;
    if (target_id.empty() && schema_ && !lose) {
        const auto all =
            TRY(parse(TRY(revision_of(TRY(tables_.pointers(schema_id_)).running)).data));
        if (TRY(all.print(ConfigFormat::json)) != kEmpty)
            return fail(errors::config_would_lose, "all of it: no package brings modules any more");
    }
    if (!unusable_.empty() && !lose) return fail(errors::config_unusable, "{}", unusable_);
    if (target_id.empty() || schema_id_.empty() || !unusable_.empty()) return ConfigRevisionId{0};
    if (const auto trial = TRY(tables_.trial()))
        return fail(errors::config_on_trial, "revision {} of {}", trial->revision, trial->by);
    auto upgraded = TRY(upgrade(target, way, {}));
    if (const auto& invalid = upgraded.report.invalid; !invalid.empty())
        return fail(errors::config_would_break, "{}", listed(invalid));
    if (!lose && !upgraded.report.lost.empty())
        return fail(errors::config_would_lose, "{}", listed(upgraded.report.lost));
    ConfigRevisionId made = 0;
    fault_point("config.prepare");
    TRY(tables_.transact([&]() -> Result<> {
        made = TRY(tables_.add_revision({.about = {.made_from = upgraded.from,
                                                   .made = options_.clock.wall(),
                                                   .by = fmt::format("operation {}", operation),
                                                   .comment = "carried over to other modules"},
                                         .schema = target_id,
                                         .data = upgraded.data}));
        TRY(tables_.set_pointers(target_id, {.running = made, .startup = made}));
        const auto origin = TRY(tables_.origin(schema_id_));
        // The way back does not make the way there begin here.
        if (origin && origin->from_schema == target_id) return {};
        return tables_.set_origin(
            target_id, {.first = made, .from_schema = schema_id_, .from = upgraded.from});
    }));
    fault_point("config.prepared");
    return made;
}

Result<ConfigRevisionId> ConfigStore::add_revision(const std::string& schema,
                                                   const std::string& data, ConfigRevisionId from,
                                                   std::string_view comment) {
    return tables_.add_revision({.about = {.made_from = from,
                                           .made = options_.clock.wall(),
                                           .by = "cutover",
                                           .comment = std::string(comment)},
                                 .schema = schema,
                                 .data = data});
}

Result<> ConfigStore::use(const ConfigFiles& files, const std::string& boot_id) {
    const std::lock_guard lock(mutex_);
    const auto schema = schema_id_of(files);
    const auto before = TRY(tables_.use());
    files_ = files;
    if (schema != schema_id_ || !schema_) {
        schema_.reset();
        unusable_.clear();
        schema_id_ = schema;
        if (!schema.empty()) {
            auto compiled = compile(files, {});
            if (!compiled) {
                unusable_ = compiled.error().text();
                return std::unexpected(std::move(compiled.error()));
            }
            schema_ = std::move(*compiled);
        }
    }
    auto pointers = TRY(tables_.pointers(schema));
    const bool other_schema = before.schema != schema;
    const bool booted = before.boot != boot_id;
    auto trial = TRY(tables_.trial());
    // Migrations may be scripts, which take their time: no transaction waits for them.
    const bool begins = !schema.empty() && pointers.startup == 0;
    const auto first = begins ? TRY(first_data(before.schema)) : std::string();
    const bool comes = !schema.empty() && other_schema && !begins;
    const auto saved = comes ? TRY(saved_meanwhile(schema, before.schema, pointers.startup))
                             : std::optional<SavedMeanwhile>();
    TRY(tables_.transact([&]() -> Result<> {
        if (!schema.empty()) TRY(tables_.put_schema(schema, digests_of(files.modules)));
        if (begins)
            pointers.startup = TRY(add_revision(schema, first, 0, "the first for these modules"));
        if (saved) {
            pointers.startup = TRY(
                add_revision(schema, saved->data, saved->from, "carried over to other modules"));
            TRY(tables_.set_origin(
                schema,
                {.first = pointers.startup, .from_schema = before.schema, .from = saved->from}));
        }
        if (booted || other_schema || pointers.running == 0) {
            pointers.running = pointers.startup;
            trial.reset();
        }
        TRY(tables_.set_trial(trial));
        if (!schema.empty()) TRY(tables_.set_pointers(schema, pointers));
        TRY(tables_.set_use({.schema = schema, .boot = boot_id}));
        return tables_.forget_old_schemas(schema, kKeptSchemas, kKeptTexts);
    }));
    fault_point("config.in_use");
    if (schema.empty()) {
        published_.reset();
        return remove_tree(options_.rendered);
    }
    if (other_schema) TRY(carry_candidates(schema));
    if (trial) {
        // No longer than was asked for, whatever the clock says.
        const auto left = trial->deadline - options_.clock.wall();
        trial_ends_ =
            options_.clock.steady() + std::clamp(left, decltype(left)::zero(), kLongestTrial);
        wake_.notify_all();
    }
    return publish(TRY(parse(TRY(revision_of(pointers.running)).data)));
}

}  // namespace cutover
