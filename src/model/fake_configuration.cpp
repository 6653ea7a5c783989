#include "model/fake_configuration.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <expected>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/configuration.h"

namespace cutover {
namespace {

using Tree = std::map<std::string, std::string>;
using Json = nlohmann::ordered_json;

// The ids that the real one has; its texts are those of libyang.
std::unexpected<Error> refused(Errc kind, std::string_view id, std::string message,
                               std::string cause, std::string_view remedy) {
    return std::unexpected(Error{.kind = kind,
                                 .id = std::string(id),
                                 .message = std::move(message),
                                 .cause = std::move(cause),
                                 .remedy = std::string(remedy)});
}

std::unexpected<Error> unreadable(std::string message) {
    return refused(Errc::invalid, "config.unreadable", std::move(message), {},
                   "Correct what is named, or look which modules the device has.");
}

Result<> check_path(std::string_view path) {
    if (!path.starts_with("/ietf-")) return unreadable(fmt::format("{}: not a known node", path));
    return {};
}

// What is at `path` and below it.
bool is_below(std::string_view path, std::string_view root) {
    if (root.empty() || path == root) return true;
    return path.starts_with(root) && (path[root.size()] == '/' || path[root.size()] == '[');
}

std::string document_of(const Tree& tree, ConfigFormat format) {
    std::string text;
    switch (format) {
        case ConfigFormat::json: {
            auto object = Json::object();
            for (const auto& [path, value] : tree) object[path] = value;
            return object.dump(2) + '\n';
        }
        case ConfigFormat::xml:
            for (const auto& [path, value] : tree)
                text += fmt::format("<set path=\"{}\">{}</set>\n", path, value);
            return text;
        case ConfigFormat::tree:
            for (const auto& [path, value] : tree) text += fmt::format("{} {}\n", path, value);
            return text;
    }
    return text;
}

Result<Tree> parse_xml(std::string_view text) {
    constexpr std::string_view kBegin = "<set path=\"";
    constexpr std::string_view kEnd = "</set>\n";
    Tree tree;
    while (!text.empty()) {
        const auto middle = text.find("\">");
        const auto end = text.find(kEnd);
        if (!text.starts_with(kBegin) || middle > end || end == std::string_view::npos)
            return unreadable("Invalid character sequence, expected element tag start ('<').");
        const auto path = text.substr(kBegin.size(), middle - kBegin.size());
        tree[std::string(path)] = text.substr(middle + 2, end - middle - 2);
        text.remove_prefix(end + kEnd.size());
    }
    return tree;
}

Result<Tree> parse(const std::string& text, ConfigFormat format) {
    Tree tree;
    if (format == ConfigFormat::xml) {
        tree = TRY(parse_xml(text));
    } else {
        const auto object = Json::parse(text, nullptr, false);
        if (!object.is_object()) return unreadable("Invalid character sequence, line 1.");
        for (const auto& [path, value] : object.items()) {
            if (!value.is_string()) return unreadable(fmt::format("{}: no value", path));
            tree[path] = value.get<std::string>();
        }
    }
    for (const auto& [path, value] : tree) TRY(check_path(path));
    return tree;
}

Result<> apply(const ConfigEdit& edit, Tree& tree) {
    using enum ConfigEdit::Kind;
    if (edit.kind == set || edit.kind == erase) TRY(check_path(edit.path));
    switch (edit.kind) {
        case set: tree[edit.path] = edit.value; return {};
        case erase:
            if (std::erase_if(
                    tree, [&](const auto& node) { return is_below(node.first, edit.path); }) == 0)
                return refused(Errc::not_found, "config.no_such_path",
                               fmt::format("there is nothing at {}", edit.path), {},
                               "Look at what there is.");
            return {};
        case merge:
            for (auto& [path, value] : TRY(parse(edit.value, edit.format))) tree[path] = value;
            return {};
        case replace: tree = TRY(parse(edit.value, edit.format)); return {};
    }
    return {};
}

Result<> validate(const Tree& tree) {
    for (const auto& [path, value] : tree)
        if (path.ends_with("/mtu") && value.find_first_not_of("0123456789") != std::string::npos)
            return refused(Errc::invalid, "config.invalid",
                           fmt::format("Invalid type uint16 value \"{}\". (path: {})", value, path),
                           {}, "Change what is named until the rule is kept, and try again.");
    return {};
}

std::optional<std::string> value_in(const Tree& tree, const std::string& path) {
    const auto found = tree.find(path);
    return found == tree.end() ? std::nullopt : std::optional(found->second);
}

std::vector<ConfigChange> difference(const Tree& from, const Tree& to) {
    using enum ConfigChange::Kind;
    auto all = from;
    all.insert(to.begin(), to.end());
    std::vector<ConfigChange> changes;
    for (const auto& [path, ignored] : all) {
        const auto before = value_in(from, path);
        const auto after = value_in(to, path);
        if (before == after) continue;
        changes.push_back({.kind = !before ? added : (after ? changed : removed),
                           .path = path,
                           .before = before.value_or(""),
                           .after = after.value_or("")});
    }
    return changes;
}

// Whoever is not named, as a door without an account has it.
std::string known(const std::string& name) { return name.empty() ? "local" : name; }

constexpr std::string_view kHostname = "/ietf-system:system/hostname";
constexpr std::string_view kUplink = "/ietf-interfaces:interfaces/interface[name='eth0']";

}  // namespace

FakeConfiguration::FakeConfiguration() {
    Tree tree{{std::string(kHostname), "lab-router"},
              {fmt::format("{}/enabled", kUplink), "true"},
              {fmt::format("{}/ietf-ip:ipv4/mtu", kUplink), "1500"}};
    add(tree, "operation 12", "from the factory");
    startup_ = running_;
    tree[fmt::format("{}/description", kUplink)] = "uplink";
    add(tree, "alice@unix", "");
}

void FakeConfiguration::set_read_only(std::string why) {
    const std::scoped_lock lock(mutex_);
    read_only_ = std::move(why);
}

void FakeConfiguration::add_behind(std::string service) {
    const std::scoped_lock lock(mutex_);
    behind_.push_back(std::move(service));
}

void FakeConfiguration::add_waiting(std::string service) {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(service));
}

void FakeConfiguration::set_problem(const std::string& session, std::string why) {
    const std::scoped_lock lock(mutex_);
    candidates_[session].record.problem = std::move(why);
}

void FakeConfiguration::end_trial() {
    const std::scoped_lock lock(mutex_);
    if (trial_) running_ = trial_->back_to;
    trial_.reset();
}

std::vector<ConfigEdit> FakeConfiguration::last_edits() const {
    const std::scoped_lock lock(mutex_);
    return last_edits_;
}

ConfigCommit FakeConfiguration::last_commit() const {
    const std::scoped_lock lock(mutex_);
    return last_commit_;
}

std::string FakeConfiguration::saved_by() const {
    const std::scoped_lock lock(mutex_);
    return saved_by_;
}

Result<ConfigStatus> FakeConfiguration::status() {
    const std::scoped_lock lock(mutex_);
    ConfigStatus status{.modules = {{.name = "ietf-interfaces", .revision = "2018-02-20"},
                                    {.name = "ietf-ip", .revision = "2018-02-22"},
                                    {.name = "ietf-system", .revision = "2014-08-06"}},
                        .running = running_,
                        .startup = startup_,
                        .trial = trial_,
                        .candidates = {},
                        .read_only = read_only_,
                        .behind = behind_,
                        .waiting = waiting_};
    for (const auto& [session, candidate] : candidates_)
        status.candidates.push_back(candidate.record);
    return status;
}

Result<std::string> FakeConfiguration::show(const ConfigSource& source, const std::string& path,
                                            ConfigFormat format) {
    const std::scoped_lock lock(mutex_);
    auto tree = TRY(tree_of(source));
    std::erase_if(tree, [&](const auto& node) { return !is_below(node.first, path); });
    if (tree.empty() && !path.empty())
        return refused(Errc::not_found, "config.no_such_path",
                       fmt::format("there is nothing at {}", path), {}, "Look at what there is.");
    return document_of(tree, format);
}

Result<std::string> FakeConfiguration::value(const ConfigSource& source, const std::string& path) {
    const std::scoped_lock lock(mutex_);
    const auto tree = TRY(tree_of(source));
    if (auto value = value_in(tree, path)) return *std::move(value);
    return refused(Errc::not_found, "config.no_such_path",
                   fmt::format("there is nothing at {}", path), {}, "Look at what there is.");
}

Result<std::vector<ConfigChange>> FakeConfiguration::changes(const ConfigSource& from,
                                                             const ConfigSource& to) {
    const std::scoped_lock lock(mutex_);
    const auto before = TRY(tree_of(from));
    const auto after = TRY(tree_of(to));
    return difference(before, after);
}

Result<> FakeConfiguration::edit(const std::string& session, const std::vector<ConfigEdit>& edits) {
    const std::scoped_lock lock(mutex_);
    last_edits_ = edits;
    auto tree = TRY(tree_of({.kind = ConfigSource::Kind::candidate, .session = session}));
    for (const auto& edit : edits) TRY(apply(edit, tree));
    const bool begun = candidates_.contains(known(session));
    auto& candidate = candidates_[known(session)];
    candidate.tree = std::move(tree);
    candidate.record.session = known(session);
    if (!begun) candidate.record.made_from = running_;
    candidate.record.touched = revisions_.back().record.made + std::chrono::seconds(30);
    return {};
}

Result<> FakeConfiguration::discard(const std::string& session) {
    const std::scoped_lock lock(mutex_);
    candidates_.erase(known(session));
    return {};
}

Result<ConfigRevision> FakeConfiguration::commit(const ConfigCommit& commit) {
    const std::scoped_lock lock(mutex_);
    last_commit_ = commit;
    if (!read_only_.empty())
        return refused(Errc::conflict, "config.read_only", "no commit is taken now", read_only_,
                       "Wait until it is over, then commit again: the candidate is kept.");
    const auto candidate = candidates_.find(known(commit.session));
    const auto tree =
        candidate == candidates_.end() ? running_tree() : TRY(rebased(candidate->second));
    if (tree == running_tree()) {
        if (!trial_)
            return refused(Errc::refused, "config.nothing_to_commit",
                           fmt::format("session {} has changed nothing", known(commit.session)), {},
                           "Change something first: `cutover config set PATH VALUE`.");
        const auto* confirmed = TRY(find(trial_->revision));
        trial_.reset();
        return confirmed->record;
    }
    TRY(validate(tree));
    const auto back_to = trial_ ? trial_->back_to : running_;
    auto revision = add(tree, commit.by, commit.comment);
    candidates_.erase(known(commit.session));
    trial_.reset();
    if (commit.confirm)
        trial_ = ConfigTrial{.revision = revision.id,
                             .back_to = back_to,
                             .deadline = revision.made + *commit.confirm,
                             .by = known(commit.by)};
    return revision;
}

Result<> FakeConfiguration::save(const std::string& by) {
    const std::scoped_lock lock(mutex_);
    if (trial_)
        return refused(Errc::conflict, "config.on_trial",
                       fmt::format("revision {} is on trial", trial_->revision), {},
                       "Confirm it with `cutover config commit`, then save.");
    startup_ = running_;
    saved_by_ = by;
    return {};
}

Result<std::vector<ConfigRevision>> FakeConfiguration::history(int max_count) {
    const std::scoped_lock lock(mutex_);
    std::vector<ConfigRevision> newest_first;
    for (auto i = revisions_.rbegin(); i != revisions_.rend(); ++i)
        if (std::cmp_less(newest_first.size(), max_count)) newest_first.push_back(i->record);
    return newest_first;
}

Result<ConfigRevision> FakeConfiguration::rollback(ConfigRevisionId revision,
                                                   const std::string& by) {
    const std::scoped_lock lock(mutex_);
    if (!read_only_.empty())
        return refused(Errc::conflict, "config.read_only", "no commit is taken now", read_only_,
                       "Wait until it is over, then try again.");
    if (revision == 0 && trial_) {
        running_ = trial_->back_to;
        trial_.reset();
        return TRY(find(running_))->record;
    }
    const auto* running = TRY(find(running_));
    const auto* wanted = TRY(find(revision != 0 ? revision : running->record.made_from));
    trial_.reset();
    return add(Tree(wanted->tree), by, fmt::format("rollback to revision {}", wanted->record.id));
}

Result<FakeConfiguration::Tree> FakeConfiguration::tree_of(const ConfigSource& source) const {
    using enum ConfigSource::Kind;
    switch (source.kind) {
        case running: return running_tree();
        case startup: return TRY(find(startup_))->tree;
        case candidate: {
            const auto found = candidates_.find(known(source.session));
            return found == candidates_.end() ? running_tree() : found->second.tree;
        }
        case revision: return TRY(find(source.revision))->tree;
    }
    return running_tree();
}

Result<const FakeConfiguration::Revision*> FakeConfiguration::find(
    ConfigRevisionId revision) const {
    const auto found = std::ranges::find(revisions_, revision,
                                         [](const Revision& each) { return each.record.id; });
    if (found == revisions_.end())
        return refused(Errc::not_found, "config.no_such_revision",
                       fmt::format("there is no revision {}", revision), {},
                       "See `cutover config history` for those that are kept.");
    return &*found;
}

const FakeConfiguration::Tree& FakeConfiguration::running_tree() const {
    return revisions_.at(static_cast<std::size_t>(running_ - 1)).tree;
}

// What the candidate changes, applied to what others have committed since it was begun.
Result<FakeConfiguration::Tree> FakeConfiguration::rebased(const Candidate& candidate) const {
    const auto* base = TRY(find(candidate.record.made_from));
    auto tree = running_tree();
    for (const auto& change : difference(base->tree, candidate.tree)) {
        const auto theirs = value_in(tree, change.path);
        const auto mine = value_in(candidate.tree, change.path);
        if (theirs != value_in(base->tree, change.path) && theirs != mine)
            return refused(Errc::conflict, "config.conflict",
                           fmt::format("{} was changed by another commit", change.path),
                           fmt::format("revision {} has \"{}\"", running_, theirs.value_or("")),
                           "Look at `cutover config diff`, then set it again or discard.");
        if (mine)
            tree[change.path] = *mine;
        else
            tree.erase(change.path);
    }
    return tree;
}

ConfigRevision FakeConfiguration::add(Tree tree, std::string by, std::string comment) {
    const auto id = static_cast<ConfigRevisionId>(revisions_.size()) + 1;
    ConfigRevision record{.id = id,
                          .made_from = running_,
                          .made = *from_iso8601("2026-11-21T10:02:11Z") + std::chrono::minutes(id),
                          .by = known(by),
                          .comment = std::move(comment)};
    revisions_.push_back({.record = record, .tree = std::move(tree)});
    running_ = id;
    return record;
}

}  // namespace cutover
