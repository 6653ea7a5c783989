#include "doors/native/configuration_service.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cutover/v1/configuration.pb.h"
#include "doors/native/answer.h"
#include "doors/native/convert_configuration.h"
#include "doors/native/errors.h"
#include "doors/native/status.h"
#include "doors/outer/account.h"
#include "model/configuration.h"
#include "model/configuration_errors.h"
#include "model/device.h"

namespace cutover {
namespace {

constexpr int kMaxRevisions = 1000;

Result<> fits(std::size_t bytes) {
    constexpr std::size_t kRoomForTheRest = 64;
    if (bytes + kRoomForTheRest > wire::kMaxMessageBytes)
        return fail(errors::door_too_large, "the answer has {} bytes", bytes);
    return {};
}

}  // namespace

Result<Configuration*> ConfigurationService::configuration() const {
    auto* const found = device_.configuration();
    if (found == nullptr) return fail(errors::config_none, "this device has no configuration");
    return found;
}

// Without an account of who may do what, nobody has a name.
std::string ConfigurationService::asker(const grpc::ServerContext& call) const {
    return options_.access != nullptr ? asker_of(call) : "local";
}

Result<std::string> ConfigurationService::session(const grpc::ServerContext& call,
                                                  const std::string& wire) const {
    if (!wire.empty()) return wire::session_from(wire);
    // "alice@ipv4:192.0.2.1:40312": not of the connection, so that another one finds it again.
    const auto who = asker(call);
    return who.substr(0, who.rfind('@'));
}

Result<ConfigSource> ConfigurationService::source(const grpc::ServerContext& call,
                                                  const v1::ConfigurationSource& wire) const {
    auto source = TRY(wire::to_model(wire));
    if (source.kind == ConfigSource::Kind::candidate)
        source.session = TRY(session(call, source.session));
    return source;
}

Result<std::string> ConfigurationService::show(const grpc::ServerContext& call,
                                               const v1::ShowConfigurationRequest& request) const {
    const auto wanted = TRY(source(call, request.source()));
    const auto path = TRY(wire::path_from(request.path()));
    const auto format = TRY(wire::to_model(request.format()));
    auto text = TRY(TRY(configuration())->show(wanted, path, format));
    TRY(fits(text.size()));
    return text;
}

Result<std::string> ConfigurationService::value(const grpc::ServerContext& call,
                                                const v1::GetValueRequest& request) const {
    const auto wanted = TRY(source(call, request.source()));
    auto value = TRY(TRY(configuration())->value(wanted, TRY(wire::path_from(request.path()))));
    TRY(fits(value.size()));
    return value;
}

Result<v1::ConfigurationChangesReply> ConfigurationService::changes(
    const grpc::ServerContext& call, const v1::ConfigurationChangesRequest& request) const {
    const auto from = TRY(source(call, request.from()));
    const auto to = TRY(source(call, request.to()));
    v1::ConfigurationChangesReply reply;
    for (const auto& change : TRY(TRY(configuration())->changes(from, to)))
        *reply.add_changes() = wire::from(change);
    TRY(fits(reply.ByteSizeLong()));
    return reply;
}

Result<> ConfigurationService::edit(const grpc::ServerContext& call,
                                    const v1::EditConfigurationRequest& request) const {
    const auto whose = TRY(session(call, request.session()));
    const auto edits = TRY(wire::to_model(request));
    return TRY(configuration())->edit(whose, edits);
}

Result<> ConfigurationService::discard(const grpc::ServerContext& call,
                                       const v1::DiscardConfigurationRequest& request) const {
    const auto whose = TRY(session(call, request.session()));
    return TRY(configuration())->discard(whose);
}

Result<ConfigRevision> ConfigurationService::commit(
    const grpc::ServerContext& call, const v1::CommitConfigurationRequest& request) const {
    auto wanted = TRY(wire::to_model(request));
    wanted.session = TRY(session(call, wanted.session));
    wanted.by = asker(call);
    return TRY(configuration())->commit(wanted);
}

// What was done is told in any case, its details where there is room for them.
Result<v1::MigrateInstancesReply> ConfigurationService::migrate(
    const grpc::ServerContext& call, const v1::MigrateInstancesRequest& request) const {
    auto wanted = TRY(wire::to_model(request));
    wanted.by = asker(call);
    auto reply = wire::from(TRY(TRY(configuration())->migrate(wanted)));
    if (fits(reply.ByteSizeLong())) return reply;
    for (auto& instance : *reply.mutable_instances()) {
        const auto told = instance.changes_size() + instance.lost_size();
        instance.set_untold(instance.untold() + static_cast<std::uint64_t>(told));
        instance.clear_changes();
        instance.clear_lost();
    }
    return reply;
}

grpc::Status ConfigurationService::GetStatus(grpc::ServerContext* context,
                                             const v1::GetConfigurationStatusRequest* /*request*/,
                                             v1::ConfigurationStatus* reply) {
    auto found = configuration();
    if (!found) return answer(*context, found.error());
    return answer(*context, (*found)->status(),
                  [&](const auto& status) { *reply = wire::from(status); });
}

grpc::Status ConfigurationService::Show(grpc::ServerContext* context,
                                        const v1::ShowConfigurationRequest* request,
                                        v1::ShowConfigurationReply* reply) {
    return answer(*context, show(*context, *request),
                  [&](const auto& text) { reply->set_text(valid_utf8(text)); });
}

grpc::Status ConfigurationService::GetValue(grpc::ServerContext* context,
                                            const v1::GetValueRequest* request,
                                            v1::GetValueReply* reply) {
    return answer(*context, value(*context, *request),
                  [&](const auto& value) { reply->set_value(valid_utf8(value)); });
}

grpc::Status ConfigurationService::Changes(grpc::ServerContext* context,
                                           const v1::ConfigurationChangesRequest* request,
                                           v1::ConfigurationChangesReply* reply) {
    return answer(*context, changes(*context, *request),
                  [&](auto& changes) { *reply = std::move(changes); });
}

grpc::Status ConfigurationService::Edit(grpc::ServerContext* context,
                                        const v1::EditConfigurationRequest* request,
                                        v1::EditConfigurationReply* /*reply*/) {
    return answer(*context, edit(*context, *request));
}

grpc::Status ConfigurationService::Discard(grpc::ServerContext* context,
                                           const v1::DiscardConfigurationRequest* request,
                                           v1::DiscardConfigurationReply* /*reply*/) {
    return answer(*context, discard(*context, *request));
}

grpc::Status ConfigurationService::Commit(grpc::ServerContext* context,
                                          const v1::CommitConfigurationRequest* request,
                                          v1::ConfigurationRevision* reply) {
    return answer(*context, commit(*context, *request),
                  [&](const auto& revision) { *reply = wire::from(revision); });
}

grpc::Status ConfigurationService::Save(grpc::ServerContext* context,
                                        const v1::SaveConfigurationRequest* /*request*/,
                                        v1::SaveConfigurationReply* reply) {
    auto found = configuration();
    if (!found) return answer(*context, found.error());
    auto saved = (*found)->save(asker(*context));
    if (const auto now = (*found)->status(); saved && now) reply->set_revision(now->startup);
    return answer(*context, saved);
}

grpc::Status ConfigurationService::History(grpc::ServerContext* context,
                                           const v1::ConfigurationHistoryRequest* request,
                                           v1::ConfigurationHistoryReply* reply) {
    auto found = configuration();
    if (!found) return answer(*context, found.error());
    const auto max_count = std::clamp(request->max_count(), 0, kMaxRevisions);
    return answer(*context, (*found)->history(max_count), [&](const auto& revisions) {
        for (const auto& revision : revisions) *reply->add_revisions() = wire::from(revision);
    });
}

grpc::Status ConfigurationService::Rollback(grpc::ServerContext* context,
                                            const v1::RollbackConfigurationRequest* request,
                                            v1::ConfigurationRevision* reply) {
    auto found = configuration();
    if (!found) return answer(*context, found.error());
    return answer(*context, (*found)->rollback(request->revision(), asker(*context)),
                  [&](const auto& revision) { *reply = wire::from(revision); });
}

grpc::Status ConfigurationService::Migrate(grpc::ServerContext* context,
                                           const v1::MigrateInstancesRequest* request,
                                           v1::MigrateInstancesReply* reply) {
    return answer(*context, migrate(*context, *request),
                  [&](auto& migrated) { *reply = std::move(migrated); });
}

}  // namespace cutover
