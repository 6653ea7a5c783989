#include "doors/client/remote_configuration.h"

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "cutover/v1/configuration.grpc.pb.h"
#include "cutover/v1/configuration.pb.h"
#include "doors/client/agent_line.h"
#include "doors/native/convert_configuration.h"
#include "model/configuration.h"

namespace cutover {

RemoteConfiguration::RemoteConfiguration(const AgentLine& line)
    : line_(line), stub_(v1::Configuration::NewStub(line.channel())) {}

Result<ConfigStatus> RemoteConfiguration::status() {
    const v1::GetConfigurationStatusRequest request;
    const auto reply =
        TRY(line_.call(*stub_, &Stub::GetStatus, request, line_.options().call_timeout));
    return understood(wire::to_model(reply));
}

Result<std::string> RemoteConfiguration::show(const ConfigSource& source, const std::string& path,
                                              ConfigFormat format) {
    v1::ShowConfigurationRequest request;
    *request.mutable_source() = wire::from(source);
    request.set_path(valid_utf8(path));
    request.set_format(wire::from(format));
    auto reply = TRY(line_.call(*stub_, &Stub::Show, request, line_.options().config_timeout));
    return std::move(*reply.mutable_text());
}

Result<std::string> RemoteConfiguration::value(const ConfigSource& source,
                                               const std::string& path) {
    v1::GetValueRequest request;
    *request.mutable_source() = wire::from(source);
    request.set_path(valid_utf8(path));
    auto reply = TRY(line_.call(*stub_, &Stub::GetValue, request, line_.options().config_timeout));
    return std::move(*reply.mutable_value());
}

Result<std::vector<ConfigChange>> RemoteConfiguration::changes(const ConfigSource& from,
                                                               const ConfigSource& to) {
    v1::ConfigurationChangesRequest request;
    *request.mutable_from() = wire::from(from);
    *request.mutable_to() = wire::from(to);
    const auto reply =
        TRY(line_.call(*stub_, &Stub::Changes, request, line_.options().config_timeout));
    std::vector<ConfigChange> changes;
    for (const auto& change : reply.changes())
        changes.push_back(TRY(understood(wire::to_model(change))));
    return changes;
}

Result<> RemoteConfiguration::edit(const std::string& session,
                                   const std::vector<ConfigEdit>& edits) {
    v1::EditConfigurationRequest request;
    request.set_session(valid_utf8(session));
    for (const auto& edit : edits) *request.add_edits() = wire::from(edit);
    static_cast<void>(
        TRY(line_.call(*stub_, &Stub::Edit, request, line_.options().config_timeout)));
    return {};
}

Result<> RemoteConfiguration::discard(const std::string& session) {
    v1::DiscardConfigurationRequest request;
    request.set_session(valid_utf8(session));
    static_cast<void>(
        TRY(line_.call(*stub_, &Stub::Discard, request, line_.options().call_timeout)));
    return {};
}

Result<ConfigRevision> RemoteConfiguration::commit(const ConfigCommit& commit) {
    const auto reply =
        TRY(line_.call(*stub_, &Stub::Commit, wire::from(commit), line_.options().config_timeout));
    return understood(wire::to_model(reply));
}

Result<> RemoteConfiguration::save(const std::string& /*by*/) {
    const v1::SaveConfigurationRequest request;
    static_cast<void>(TRY(line_.call(*stub_, &Stub::Save, request, line_.options().call_timeout)));
    return {};
}

Result<std::vector<ConfigRevision>> RemoteConfiguration::history(int max_count) {
    v1::ConfigurationHistoryRequest request;
    request.set_max_count(max_count);
    const auto reply =
        TRY(line_.call(*stub_, &Stub::History, request, line_.options().call_timeout));
    std::vector<ConfigRevision> revisions;
    for (const auto& revision : reply.revisions())
        revisions.push_back(TRY(understood(wire::to_model(revision))));
    return revisions;
}

Result<ConfigRevision> RemoteConfiguration::rollback(ConfigRevisionId revision,
                                                     const std::string& /*by*/) {
    v1::RollbackConfigurationRequest request;
    request.set_revision(revision);
    const auto reply =
        TRY(line_.call(*stub_, &Stub::Rollback, request, line_.options().config_timeout));
    return understood(wire::to_model(reply));
}

Result<ConfigMigrated> RemoteConfiguration::migrate(const ConfigMigrate& wanted) {
    constexpr int kCommits = 10;  // there may be many of them in it
    const auto reply = TRY(line_.call(*stub_, &Stub::Migrate, wire::from(wanted),
                                      line_.options().config_timeout * kCommits));
    auto migrated = TRY(understood(wire::to_model(reply)));
    migrated.asked = wanted;
    return migrated;
}

}  // namespace cutover
