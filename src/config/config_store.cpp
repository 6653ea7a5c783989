#include "config/config_store.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "config/config_tree.h"
#include "config/errors.h"
#include "config/rebase.h"
#include "config/yang_schema.h"
#include "model/configuration.h"
#include "model/configuration_errors.h"
#include "store/config_tables.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxSessionBytes = 128;
constexpr std::size_t kMaxTextBytes = 1024;  // of who and why

using Kind = ConfigSource::Kind;

Result<> check_session(const std::string& session) {
    if (!session.empty() && session.size() <= kMaxSessionBytes) return {};
    return fail(Errc::invalid, "a session has a name of 1 to {} bytes", kMaxSessionBytes);
}

}  // namespace

Result<std::unique_ptr<ConfigStore>> ConfigStore::open(Options options) {
    auto tables = TRY(ConfigTables::open(options.database));
    std::unique_ptr<ConfigStore> store(new ConfigStore(std::move(options), std::move(tables)));
    // What services have read; without it they are told of all.
    if (auto rendered = read_file(store->options_.rendered, kMaxConfigBytes))
        store->published_ = std::move(*rendered);
    store->trials_ =
        std::jthread([raw = store.get()](const std::stop_token& stop) { raw->keep_trials(stop); });
    return store;
}

ConfigStore::ConfigStore(Options options, ConfigTables tables)
    : options_(std::move(options)), tables_(std::move(tables)) {}

ConfigStore::~ConfigStore() = default;

int ConfigStore::kept_revisions(std::size_t size_bytes) {
    const auto many = kKeptBytes / std::max<std::size_t>(size_bytes, 1);
    return static_cast<int>(std::clamp<std::size_t>(many, kFewestRevisions, kKeptRevisions));
}

Result<> ConfigStore::usable() const {
    if (!unusable_.empty()) return fail(errors::config_unusable, "{}", unusable_);
    if (!schema_) return fail(errors::config_none, "no running package brings YANG modules");
    return {};
}

const YangSchema& ConfigStore::schema() const {
    CUTOVER_CHECK(schema_.has_value());
    return *schema_;
}

Result<> ConfigStore::writable() const {
    TRY(usable());
    if (!read_only_.empty()) return fail(errors::config_read_only, "{}", read_only_);
    return {};
}

Result<ConfigTree> ConfigStore::parse(const std::string& data) const {
    return ConfigTree::parse(schema(), data, ConfigFormat::json);
}

Result<ConfigTables::Revision> ConfigStore::revision_of(ConfigRevisionId id) {
    auto found = TRY(tables_.revision(id));
    if (!found || found->schema != schema_id_)
        return fail(errors::config_no_such_revision, "revision {}", id);
    return std::move(*found);
}

Result<std::optional<ConfigTables::Candidate>> ConfigStore::candidate_of(
    const std::string& session) {
    TRY(check_session(session));
    auto candidate = TRY(tables_.candidate(session));
    if (candidate && candidate->schema != schema_id_)
        return fail(errors::config_conflict, "the candidate of {} is for other modules: {}",
                    session, candidate->about.problem);
    return candidate;
}

Result<ConfigTree> ConfigStore::tree_of(const ConfigSource& source) {
    const auto pointers = TRY(tables_.pointers(schema_id_));
    auto id = source.kind == Kind::startup ? pointers.startup : pointers.running;
    if (source.kind == Kind::revision) id = source.revision;
    if (source.kind == Kind::candidate)
        if (const auto candidate = TRY(candidate_of(source.session))) return parse(candidate->data);
    return parse(TRY(revision_of(id)).data);
}

Result<ConfigStatus> ConfigStore::status() {
    const std::lock_guard lock(mutex_);
    TRY(usable());
    const auto pointers = TRY(tables_.pointers(schema_id_));
    ConfigStatus status{.modules = schema().modules(),
                        .running = pointers.running,
                        .startup = pointers.startup,
                        .trial = TRY(tables_.trial()),
                        .candidates = {},
                        .read_only = read_only_,
                        .behind = behind_,
                        .waiting = {}};
    auto waiting = readers_of(changed_);
    waiting.insert(waiting_.begin(), waiting_.end());
    status.waiting.assign(waiting.begin(), waiting.end());
    for (auto& candidate : TRY(tables_.candidates()))
        status.candidates.push_back(std::move(candidate.about));
    return status;
}

Result<std::string> ConfigStore::show(const ConfigSource& source, const std::string& path,
                                      ConfigFormat format) {
    const std::lock_guard lock(mutex_);
    TRY(usable());
    const auto tree = TRY(tree_of(source));
    return tree.print(format, path);
}

Result<std::string> ConfigStore::value(const ConfigSource& source, const std::string& path) {
    const std::lock_guard lock(mutex_);
    TRY(usable());
    auto tree = TRY(tree_of(source));
    if (const auto set = tree.value(path)) return *set;
    TRY(tree.add_defaults());
    return tree.value(path);
}

Result<std::vector<ConfigChange>> ConfigStore::changes(const ConfigSource& from,
                                                       const ConfigSource& to) {
    const std::lock_guard lock(mutex_);
    TRY(usable());
    const auto older = TRY(tree_of(from));
    const auto newer = TRY(tree_of(to));
    return older.changes_to(newer);
}

Result<> ConfigStore::apply(const ConfigEdit& edit, ConfigTree& tree) const {
    if (edit.path.size() > kMaxConfigPathBytes || edit.value.size() > kMaxConfigBytes)
        return fail(errors::config_too_large, "a path has at most {} bytes, a value {}",
                    kMaxConfigPathBytes, kMaxConfigBytes);
    switch (edit.kind) {
        case ConfigEdit::Kind::set: return tree.set(edit.path, edit.value);
        case ConfigEdit::Kind::erase: return tree.erase(edit.path);
        case ConfigEdit::Kind::merge: {
            const auto document = TRY(ConfigTree::parse(schema(), edit.value, edit.format));
            return tree.merge(document);
        }
        case ConfigEdit::Kind::replace:
            tree = TRY(ConfigTree::parse(schema(), edit.value, edit.format));
            return {};
    }
    return {};
}

Result<> ConfigStore::edit(const std::string& session, const std::vector<ConfigEdit>& edits) {
    if (edits.size() > kMaxConfigEdits)
        return fail(errors::config_too_large, "{} changes in one call, at most {}", edits.size(),
                    kMaxConfigEdits);
    const std::lock_guard lock(mutex_);
    TRY(usable());
    auto candidate = TRY(candidate_of(session));
    if (!candidate) {
        if (TRY(tables_.candidates()).size() >= kMaxCandidates)
            return fail(errors::config_too_large, "there are {} candidates already",
                        kMaxCandidates);
        const auto running = TRY(tables_.pointers(schema_id_)).running;
        candidate = ConfigTables::Candidate{.about = {.session = session, .made_from = running},
                                            .schema = schema_id_,
                                            .data = TRY(revision_of(running)).data};
    }
    auto tree = TRY(parse(candidate->data));
    for (const auto& edit : edits) TRY(apply(edit, tree));
    candidate->data = TRY(tree.print(ConfigFormat::json));
    if (candidate->data.size() > kMaxConfigBytes)
        return fail(errors::config_too_large, "the configuration would have {} bytes, at most {}",
                    candidate->data.size(), kMaxConfigBytes);
    candidate->about.touched = options_.clock.wall();
    return tables_.transact([&] { return tables_.put_candidate(*candidate); });
}

Result<> ConfigStore::discard(const std::string& session) {
    const std::lock_guard lock(mutex_);
    TRY(check_session(session));
    return tables_.transact([&] { return tables_.forget_candidate(session); });
}

// The candidate, on top of what others have committed since it was begun.
Result<ConfigTree> ConfigStore::committable(const ConfigTables::Candidate& candidate) {
    const auto running = TRY(tables_.pointers(schema_id_)).running;
    auto tree = TRY(parse(candidate.data));
    if (candidate.about.made_from == running) return tree;
    const auto base = TRY(parse(TRY(revision_of(candidate.about.made_from)).data));
    auto theirs = TRY(parse(TRY(revision_of(running)).data));
    TRY(rebase(base, tree, theirs));
    return theirs;
}

Result<ConfigRevision> ConfigStore::run(
    ConfigTree tree, ConfigRevision about,
    const std::function<Result<>(const ConfigRevision&)>& writes) {
    TRY(tree.validate());
    about.made = options_.clock.wall();
    about.by.resize(std::min(about.by.size(), kMaxTextBytes));
    about.comment.resize(std::min(about.comment.size(), kMaxTextBytes));
    auto pointers = TRY(tables_.pointers(schema_id_));
    about.made_from = pointers.running;
    const auto data = TRY(tree.print(ConfigFormat::json));
    fault_point("config.commit");
    TRY(tables_.transact([&]() -> Result<> {
        about.id = TRY(tables_.add_revision({.about = about, .schema = schema_id_, .data = data}));
        pointers.running = about.id;
        TRY(tables_.set_pointers(schema_id_, pointers));
        TRY(writes(about));
        return tables_.forget_old_revisions(kept_revisions(data.size()));
    }));
    fault_point("config.committed");
    options_.log.info("configuration committed",
                      {{"revision", std::to_string(about.id)}, {"by", about.by}});
    TRY(publish(tree), "revision {} runs, but", about.id);
    return about;
}

Result<ConfigRevision> ConfigStore::confirm_trial(const ConfigCommit& commit) {
    const auto trial = TRY(tables_.trial());
    if (!trial) return fail(errors::config_nothing_to_commit, "{}", commit.session);
    TRY(tables_.transact([&] { return tables_.set_trial({}); }));
    trial_ends_.reset();
    options_.log.info("configuration confirmed",
                      {{"revision", std::to_string(trial->revision)}, {"by", commit.by}});
    return TRY(revision_of(trial->revision)).about;
}

Result<ConfigRevision> ConfigStore::commit(const ConfigCommit& commit) {
    if (commit.confirm && (commit.confirm->count() <= 0 || *commit.confirm > kLongestTrial))
        return fail(Errc::invalid, "a commit may wait for its confirmation for up to {}",
                    human_duration(kLongestTrial));
    const std::lock_guard lock(mutex_);
    TRY(writable());
    if (commit.confirm && !no_trials_.empty())
        return fail(errors::config_read_only, "{}: only a commit without --confirm is taken",
                    no_trials_);
    const auto candidate = TRY(candidate_of(commit.session));
    if (!candidate) return confirm_trial(commit);
    auto tree = TRY(committable(*candidate));
    const auto before = TRY(tables_.pointers(schema_id_)).running;
    const auto pending = TRY(tables_.trial());
    const auto ends = commit.confirm.transform(
        [&](std::chrono::seconds after) { return options_.clock.steady() + after; });
    auto revision =
        TRY(run(std::move(tree), {.by = commit.by, .comment = commit.comment},
                [&](const ConfigRevision& made) -> Result<> {
                    std::optional<ConfigTrial> trial;
                    if (commit.confirm)
                        trial = ConfigTrial{.revision = made.id,
                                            .back_to = pending ? pending->back_to : before,
                                            .deadline = options_.clock.wall() + *commit.confirm,
                                            .by = commit.by};
                    TRY(tables_.set_trial(trial));
                    return tables_.forget_candidate(commit.session);
                }));
    trial_ends_ = ends;
    wake_.notify_all();
    return revision;
}

Result<> ConfigStore::save(const std::string& by) {
    const std::lock_guard lock(mutex_);
    TRY(usable());
    if (const auto trial = TRY(tables_.trial()))
        return fail(errors::config_on_trial, "revision {} of {}", trial->revision, trial->by);
    auto pointers = TRY(tables_.pointers(schema_id_));
    pointers.startup = pointers.running;
    TRY(tables_.transact([&] { return tables_.set_pointers(schema_id_, pointers); }));
    options_.log.info("configuration saved",
                      {{"revision", std::to_string(pointers.startup)}, {"by", by}});
    return {};
}

Result<std::vector<ConfigRevision>> ConfigStore::history(int max_count) {
    const std::lock_guard lock(mutex_);
    TRY(usable());
    return tables_.revisions(schema_id_, max_count);
}

Result<ConfigRevision> ConfigStore::undo_trial(const ConfigTrial& trial, std::string_view why) {
    auto tree = TRY(parse(TRY(revision_of(trial.back_to)).data));
    trial_ends_.reset();
    return run(std::move(tree),
               {.by = std::string(why),
                .comment = fmt::format("revision {} was not confirmed: back to {}", trial.revision,
                                       trial.back_to)},
               [&](const ConfigRevision&) { return tables_.set_trial({}); });
}

Result<ConfigRevision> ConfigStore::rollback(ConfigRevisionId revision, const std::string& by) {
    const std::lock_guard lock(mutex_);
    TRY(writable());
    const auto trial = TRY(tables_.trial());
    if (trial && revision == 0) return undo_trial(*trial, by);
    const auto running = TRY(tables_.pointers(schema_id_)).running;
    const auto wanted = revision == 0 ? TRY(revision_of(running)).about.made_from : revision;
    if (wanted == 0) return fail(errors::config_no_such_revision, "nothing ran before");
    auto tree = TRY(parse(TRY(revision_of(wanted)).data));
    trial_ends_.reset();
    return run(std::move(tree),
               {.by = by, .comment = fmt::format("rollback to revision {}", wanted)},
               [&](const ConfigRevision&) { return tables_.set_trial({}); });
}

// What the file holds already is not written again: nobody is told of what is as it was.
Result<> ConfigStore::publish(const ConfigTree& tree) {
    auto data = TRY(tree.print(ConfigFormat::json));
    if (published_ == data) return {};
    const auto before = published_ ? parse(*published_) : fail(Errc::not_found, "none");
    if (before)
        changed_.merge(before->modules_changed_to(tree));
    else  // of other modules, or the first
        for (const auto& module : schema().modules()) changed_.insert(module.name);
    TRY(make_folders(options_.rendered.parent_path()));
    TRY(write_file_durably(options_.rendered, data));
    published_ = std::move(data);
    if (told_) told_();
    return {};
}

Result<> ConfigStore::undo_any_trial(const std::string& by) {
    const auto trial = TRY(tables_.trial());
    if (trial) static_cast<void>(TRY(undo_trial(*trial, by)));
    return {};
}

// Undoes what nobody confirms in time. A commit whose time ran out while no agent was there is
// undone when the modules come into force (use()).
void ConfigStore::keep_trials(const std::stop_token& stop) {
    constexpr std::chrono::seconds kRetry(10);
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        if (!trial_ends_) {
            wake_.wait(lock, stop, [&] { return trial_ends_.has_value(); });
            continue;
        }
        const auto ends = *trial_ends_;
        const bool changed =
            wake_.wait_until(lock, stop, ends, [&] { return trial_ends_ != ends; });
        if (changed || stop.stop_requested() || options_.clock.steady() < ends) continue;
        // While an operation holds the configuration, its trial has been ended or goes on.
        const auto undone = read_only_.empty()
                                ? undo_any_trial("cutover")
                                : Result<>(fail(errors::config_read_only, "{}", read_only_));
        trial_ends_.reset();
        if (undone) continue;
        options_.log.error("a commit that nobody confirmed could not be undone",
                           {{"error", undone.error().text()}});
        trial_ends_ = options_.clock.steady() + kRetry;
    }
}

}  // namespace cutover
