#include "cli/config_json.h"

#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/config_view.h"
#include "model/configuration.h"

namespace cutover::cli::json {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json named(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json numbered(ConfigRevisionId revision) { return revision == 0 ? Json() : Json(revision); }

std::string_view name_of(ConfigSource::Kind kind) {
    using enum ConfigSource::Kind;
    switch (kind) {
        case running: return "running";
        case startup: return "startup";
        case candidate: return "candidate";
        case revision: return "revision";
    }
    return "";
}

std::string_view name_of(ConfigFormat format) {
    switch (format) {
        case ConfigFormat::json: return "json";
        case ConfigFormat::xml: return "xml";
        case ConfigFormat::tree: return "tree";
    }
    return "";
}

std::string_view name_of(ConfigChange::Kind kind) {
    using enum ConfigChange::Kind;
    switch (kind) {
        case added: return "added";
        case removed: return "removed";
        case changed: return "changed";
        case moved: return "moved";
    }
    return "";
}

Json of(const ConfigSource& source) {
    return {{"source", name_of(source.kind)},
            {"session", named(source.session)},
            {"revision", numbered(source.revision)}};
}

Json of(const ConfigChange& change) {
    using enum ConfigChange::Kind;
    const bool before = change.kind == removed || change.kind == changed;
    const bool after = change.kind == added || change.kind == changed;
    return {{"change", name_of(change.kind)},
            {"path", change.path},
            {"before", before ? Json(change.before) : Json()},
            {"after", after ? Json(change.after) : Json()}};
}

Json of(const std::vector<ConfigChange>& changes) {
    auto list = Json::array();
    for (const auto& change : changes) list.push_back(of(change));
    return list;
}

Json of(const ConfigRevision& revision) {
    return {{"revision", revision.id},
            {"made_from", numbered(revision.made_from)},
            {"made", to_iso8601(revision.made)},
            {"by", revision.by},
            {"comment", revision.comment}};
}

Json of(const std::optional<ConfigTrial>& trial) {
    if (!trial) return nullptr;
    return {{"revision", trial->revision},
            {"back_to", trial->back_to},
            {"deadline", to_iso8601(trial->deadline)},
            {"by", trial->by}};
}

Json of(const ConfigCandidate& candidate) {
    return {{"session", candidate.session},
            {"made_from", numbered(candidate.made_from)},
            {"touched", to_iso8601(candidate.touched)},
            {"problem", named(candidate.problem)}};
}

}  // namespace

std::string config_document(const ConfigSource& source, const std::string& path,
                            ConfigFormat format, const std::string& document) {
    auto json = of(source);
    json["path"] = named(path);
    json["format"] = name_of(format);
    auto content =
        format == ConfigFormat::json ? Json::parse(document, nullptr, false) : Json(document);
    json["configuration"] = content.is_discarded() ? Json(document) : std::move(content);
    return dump(json);
}

std::string config_value(const ConfigSource& source, const std::string& path,
                         const std::string& value) {
    auto json = of(source);
    json["path"] = path;
    json["value"] = value;
    return dump(json);
}

std::string config_changes(const ConfigSource& from, const ConfigSource& to,
                           const std::vector<ConfigChange>& changes) {
    return dump({{"from", of(from)}, {"to", of(to)}, {"changes", of(changes)}});
}

std::string config_edited(const std::string& session) {
    return dump({{"session", named(session)}});
}

std::string config_commit(const CommitView& commit) {
    auto json = of(commit.revision);
    json["ran_before"] = numbered(commit.ran_before);
    json["confirmed"] = commit.confirmed;
    json["changes"] = of(commit.changes);
    json["trial"] = of(commit.status.trial);
    json["startup"] = numbered(commit.status.startup);
    return dump(json);
}

std::string config_status(const ConfigStatus& status) {
    auto modules = Json::array();
    for (const auto& module : status.modules)
        modules.push_back({{"name", module.name}, {"revision", named(module.revision)}});
    auto candidates = Json::array();
    for (const auto& candidate : status.candidates) candidates.push_back(of(candidate));
    return dump({{"running", numbered(status.running)},
                 {"startup", numbered(status.startup)},
                 {"trial", of(status.trial)},
                 {"read_only", named(status.read_only)},
                 {"behind", status.behind},
                 {"waiting", status.waiting},
                 {"candidates", candidates},
                 {"modules", modules}});
}

std::string config_history(const std::vector<ConfigRevision>& revisions,
                           const ConfigStatus& status) {
    auto list = Json::array();
    for (const auto& revision : revisions) {
        auto json = of(revision);
        json["marks"] = marks_of(status, revision.id);
        list.push_back(std::move(json));
    }
    return dump({{"revisions", list}});
}

}  // namespace cutover::cli::json
