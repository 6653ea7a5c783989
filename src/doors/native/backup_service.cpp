#include "doors/native/backup_service.h"

#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "cutover/v1/backup.pb.h"
#include "cutover/v1/device.pb.h"
#include "doors/native/convert.h"
#include "doors/native/convert_backup.h"
#include "doors/native/errors.h"
#include "doors/native/status.h"
#include "doors/outer/account.h"
#include "model/backups.h"
#include "model/device.h"
#include "model/operation.h"

namespace cutover {
namespace {

grpc::Status answer(grpc::ServerContext& context, const Error& error) {
    context.AddTrailingMetadata(wire::kErrorMetadata, wire::packed(error));
    return wire::status_of(error);
}

}  // namespace

// Sends what the device's answer holds, as `set` puts it into the reply; or its error.
template <typename Call, typename Set>
grpc::Status BackupService::ask(grpc::ServerContext& context, Call call, Set set) {
    auto* const backups = device_.backups();
    if (backups == nullptr)
        return answer(context, make_error(Errc::unsupported, "this device keeps no backups"));
    const auto result = call(*backups);
    if (!result) return answer(context, result.error());
    set(*result);
    return grpc::Status::OK;
}

grpc::Status BackupService::Create(grpc::ServerContext* context,
                                   const v1::CreateBackupRequest* request, v1::Backup* reply) {
    return ask(
        *context,
        [&](Backups& backups) { return backups.create(request->name(), !request->no_packages()); },
        [&](const auto& made) { *reply = wire::from(made); });
}

grpc::Status BackupService::List(grpc::ServerContext* context,
                                 const v1::ListBackupsRequest* /*request*/,
                                 v1::ListBackupsReply* reply) {
    return ask(
        *context, [](Backups& backups) { return backups.list(); },
        [&](const auto& all) {
            for (const auto& backup : all) *reply->add_backups() = wire::from(backup);
        });
}

grpc::Status BackupService::Show(grpc::ServerContext* context, const v1::BackupName* request,
                                 v1::Backup* reply) {
    return ask(
        *context, [&](Backups& backups) { return backups.show(request->name()); },
        [&](const auto& found) { *reply = wire::from(found); });
}

grpc::Status BackupService::Verify(grpc::ServerContext* context, const v1::BackupName* request,
                                   v1::Backup* reply) {
    return ask(
        *context, [&](Backups& backups) { return backups.verify(request->name()); },
        [&](const auto& found) { *reply = wire::from(found); });
}

grpc::Status BackupService::Prune(grpc::ServerContext* context,
                                  const v1::PruneBackupsRequest* request,
                                  v1::PrunedBackups* reply) {
    const std::vector<std::string> names(request->names().begin(), request->names().end());
    return ask(
        *context, [&](Backups& backups) { return backups.prune(names); },
        [&](const auto& pruned) { *reply = wire::from(pruned); });
}

grpc::Status BackupService::Restore(grpc::ServerContext* context, const v1::Request* request,
                                    v1::StartReply* reply) {
    auto wanted = wire::to_model(*request);
    if (!wanted) return answer(*context, wanted.error());
    if (wanted->kind != OperationKind::restore)
        return answer(*context, make_error(errors::door_bad_request, "that is no restore"));
    wanted->asked_by = with_access_ ? asker_of(*context) : "local";
    const auto started = device_.start(*wanted);
    if (!started) return answer(*context, started.error());
    reply->set_operation(*started);
    return grpc::Status::OK;
}

grpc::Status BackupService::Compact(grpc::ServerContext* context,
                                    const v1::CompactRequest* /*request*/, v1::Compaction* reply) {
    return ask(
        *context, [](Backups& backups) { return backups.compact(); },
        [&](const auto& done) { *reply = wire::from(done); });
}

}  // namespace cutover
