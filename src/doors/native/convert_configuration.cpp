#include "doors/native/convert_configuration.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cutover/v1/configuration.pb.h"
#include "doors/native/convert_values.h"
#include "doors/native/errors.h"
#include "model/configuration.h"

namespace cutover::wire {
namespace {

constexpr std::size_t kMaxSessionBytes = 128;
constexpr std::size_t kMaxCommentBytes = 1024;
constexpr auto kLongestTrial = std::chrono::hours(24 * 30);

bool has_controls(std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; });
}

Result<std::string> line_from(const std::string& wire, std::size_t max_bytes,
                              std::string_view what) {
    if (wire.size() > max_bytes)
        return fail(errors::door_bad_request, "a {} has at most {} bytes", what, max_bytes);
    if (has_controls(wire))
        return fail(errors::door_bad_request, "a {} is one line without control characters", what);
    return wire;
}

v1::ConfigurationCandidate from(const ConfigCandidate& candidate) {
    v1::ConfigurationCandidate wire;
    wire.set_session(text(candidate.session));
    wire.set_made_from(candidate.made_from);
    *wire.mutable_touched() = wire::from(candidate.touched);
    wire.set_problem(text(candidate.problem));
    return wire;
}

Result<ConfigCandidate> to_model(const v1::ConfigurationCandidate& wire) {
    ConfigCandidate candidate;
    candidate.session = wire.session();
    candidate.made_from = wire.made_from();
    candidate.touched = TRY(wire::to_model(wire.touched()));
    candidate.problem = wire.problem();
    return candidate;
}

v1::ConfigurationTrial from(const ConfigTrial& trial) {
    v1::ConfigurationTrial wire;
    wire.set_revision(trial.revision);
    wire.set_back_to(trial.back_to);
    *wire.mutable_deadline() = wire::from(trial.deadline);
    wire.set_by(text(trial.by));
    return wire;
}

Result<ConfigTrial> to_model(const v1::ConfigurationTrial& wire) {
    ConfigTrial trial;
    trial.revision = wire.revision();
    trial.back_to = wire.back_to();
    trial.deadline = TRY(wire::to_model(wire.deadline()));
    trial.by = wire.by();
    return trial;
}

Result<ConfigEdit> to_model(const v1::ConfigurationEdit& wire) {
    using enum ConfigEdit::Kind;
    ConfigEdit edit;
    edit.kind = TRY(enum_to(wire.kind(), replace, "kind of an edit"));
    edit.path = TRY(path_from(wire.path()));
    edit.value = wire.value();
    edit.format = TRY(wire::to_model(wire.format()));
    const bool document = edit.kind == merge || edit.kind == replace;
    if (document && edit.format == ConfigFormat::tree)
        return fail(errors::door_bad_request, "a document is JSON or XML");
    if (!document && edit.path.empty()) return fail(errors::door_bad_request, "the path is empty");
    if (edit.value.contains('\0'))
        return fail(errors::door_bad_request, "a value has no zero bytes");
    return edit;
}

}  // namespace

v1::ConfigurationFormat from(ConfigFormat format) {
    return enum_from<v1::ConfigurationFormat>(format);
}

Result<ConfigFormat> to_model(v1::ConfigurationFormat wire) {
    return enum_to(wire, ConfigFormat::tree, "format of a configuration");
}

v1::ConfigurationStatus from(const ConfigStatus& status) {
    v1::ConfigurationStatus wire;
    for (const auto& module : status.modules) {
        auto* added = wire.add_modules();
        added->set_name(text(module.name));
        added->set_revision(text(module.revision));
    }
    wire.set_running(status.running);
    wire.set_startup(status.startup);
    if (status.trial) *wire.mutable_trial() = from(*status.trial);
    for (const auto& candidate : status.candidates) *wire.add_candidates() = from(candidate);
    wire.set_read_only(text(status.read_only));
    for (const auto& service : status.behind) wire.add_behind(text(service));
    for (const auto& service : status.waiting) wire.add_waiting(text(service));
    return wire;
}

Result<ConfigStatus> to_model(const v1::ConfigurationStatus& wire) {
    ConfigStatus status;
    for (const auto& module : wire.modules())
        status.modules.push_back({.name = module.name(), .revision = module.revision()});
    status.running = wire.running();
    status.startup = wire.startup();
    if (wire.has_trial()) status.trial = TRY(to_model(wire.trial()));
    for (const auto& candidate : wire.candidates())
        status.candidates.push_back(TRY(to_model(candidate)));
    status.read_only = wire.read_only();
    status.behind = {wire.behind().begin(), wire.behind().end()};
    status.waiting = {wire.waiting().begin(), wire.waiting().end()};
    return status;
}

v1::ConfigurationRevision from(const ConfigRevision& revision) {
    v1::ConfigurationRevision wire;
    wire.set_revision(revision.id);
    wire.set_made_from(revision.made_from);
    *wire.mutable_made() = wire::from(revision.made);
    wire.set_by(text(revision.by));
    wire.set_comment(text(revision.comment));
    return wire;
}

Result<ConfigRevision> to_model(const v1::ConfigurationRevision& wire) {
    ConfigRevision revision;
    revision.id = wire.revision();
    revision.made_from = wire.made_from();
    revision.made = TRY(wire::to_model(wire.made()));
    revision.by = wire.by();
    revision.comment = wire.comment();
    return revision;
}

v1::ConfigurationChange from(const ConfigChange& change) {
    v1::ConfigurationChange wire;
    wire.set_kind(enum_from<v1::ConfigurationChangeKind>(change.kind));
    wire.set_path(text(change.path));
    wire.set_before(text(change.before));
    wire.set_after(text(change.after));
    return wire;
}

Result<ConfigChange> to_model(const v1::ConfigurationChange& wire) {
    ConfigChange change;
    change.kind = TRY(enum_to(wire.kind(), ConfigChange::Kind::moved, "kind of a change"));
    change.path = wire.path();
    change.before = wire.before();
    change.after = wire.after();
    return change;
}

v1::ConfigurationSource from(const ConfigSource& source) {
    v1::ConfigurationSource wire;
    wire.set_kind(enum_from<v1::ConfigurationSourceKind>(source.kind));
    wire.set_session(text(source.session));
    wire.set_revision(source.revision);
    return wire;
}

Result<ConfigSource> to_model(const v1::ConfigurationSource& wire) {
    ConfigSource source;
    source.kind = TRY(enum_to(wire.kind(), ConfigSource::Kind::revision, "configuration"));
    source.session = TRY(session_from(wire.session()));
    source.revision = wire.revision();
    return source;
}

v1::ConfigurationEdit from(const ConfigEdit& edit) {
    v1::ConfigurationEdit wire;
    wire.set_kind(enum_from<v1::ConfigurationEditKind>(edit.kind));
    wire.set_path(text(edit.path));
    wire.set_value(text(edit.value));
    wire.set_format(from(edit.format));
    return wire;
}

Result<std::vector<ConfigEdit>> to_model(const v1::EditConfigurationRequest& wire) {
    if (std::cmp_greater(wire.edits_size(), kMaxConfigEdits))
        return fail(errors::door_bad_request, "{} edits in one call, at most {} are taken",
                    wire.edits_size(), kMaxConfigEdits);
    std::vector<ConfigEdit> edits;
    edits.reserve(static_cast<std::size_t>(wire.edits_size()));
    for (const auto& edit : wire.edits()) edits.push_back(TRY(to_model(edit)));
    return edits;
}

v1::CommitConfigurationRequest from(const ConfigCommit& commit) {
    v1::CommitConfigurationRequest wire;
    wire.set_session(text(commit.session));
    wire.set_comment(text(commit.comment));
    if (commit.confirm) *wire.mutable_confirm() = duration_from(*commit.confirm);
    return wire;
}

Result<ConfigCommit> to_model(const v1::CommitConfigurationRequest& wire) {
    ConfigCommit commit;
    commit.session = TRY(session_from(wire.session()));
    commit.comment = TRY(line_from(wire.comment(), kMaxCommentBytes, "comment"));
    if (!wire.has_confirm()) return commit;
    const auto confirm = TRY(wire::to_model(wire.confirm()));
    if (confirm < std::chrono::seconds(1) || confirm > kLongestTrial)
        return fail(errors::door_bad_request,
                    "a commit can be confirmed within 1 s at least, and 30 days at most");
    commit.confirm = std::chrono::floor<std::chrono::seconds>(confirm);
    return commit;
}

Result<std::string> session_from(const std::string& wire) {
    return line_from(wire, kMaxSessionBytes, "session's name");
}

Result<std::string> path_from(const std::string& wire) {
    return line_from(wire, kMaxConfigPathBytes, "path");
}

}  // namespace cutover::wire
