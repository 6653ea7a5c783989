#include "doors/client/remote_backups.h"

#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "cutover/v1/backup.grpc.pb.h"
#include "cutover/v1/backup.pb.h"
#include "doors/client/remote_device.h"
#include "doors/native/convert.h"
#include "doors/native/convert_backup.h"
#include "doors/native/errors.h"
#include "model/backups.h"
#include "model/operation.h"

namespace cutover {
namespace {

// What is not understood in an answer is a newer agent's.
Result<Backup> understood(const v1::Backup& reply) {
    auto backup = wire::to_model(reply);
    if (backup) return backup;
    auto error = make_error(errors::door_bad_reply, "understand the agent's answer");
    error.set_cause(backup.error().text());
    return std::unexpected(std::move(error));
}

v1::BackupName named(const std::string& backup) {
    v1::BackupName request;
    request.set_name(backup);
    return request;
}

}  // namespace

RemoteBackups::RemoteBackups(const std::shared_ptr<grpc::Channel>& channel,
                             const RemoteDevice::Options& options, ToError to_error)
    : stub_(v1::Backups::NewStub(channel)),
      timeout_(options.plan_timeout),
      to_error_(std::move(to_error)) {}

template <typename Reply, typename Wire>
Result<Reply> RemoteBackups::call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Wire&,
                                                               Reply*),
                                  const Wire& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Reply reply;
    const auto status = (stub_.get()->*method)(&context, request, &reply);
    if (!status.ok()) return std::unexpected(to_error_(status, context));
    return reply;
}

Result<Backup> RemoteBackups::create(const std::string& name, bool packages) {
    v1::CreateBackupRequest request;
    request.set_name(name);
    request.set_no_packages(!packages);
    return understood(TRY(call<v1::Backup>(&Stub::Create, request)));
}

Result<std::vector<Backup>> RemoteBackups::list() {
    const auto reply = TRY(call<v1::ListBackupsReply>(&Stub::List, v1::ListBackupsRequest()));
    std::vector<Backup> backups;
    for (const auto& each : reply.backups()) backups.push_back(TRY(understood(each)));
    return backups;
}

Result<Backup> RemoteBackups::show(const std::string& backup) {
    return understood(TRY(call<v1::Backup>(&Stub::Show, named(backup))));
}

Result<Backup> RemoteBackups::verify(const std::string& backup) {
    return understood(TRY(call<v1::Backup>(&Stub::Verify, named(backup))));
}

Result<PrunedBackups> RemoteBackups::prune(const std::vector<std::string>& backups) {
    v1::PruneBackupsRequest request;
    for (const auto& backup : backups) request.add_names(backup);
    return wire::to_model(TRY(call<v1::PrunedBackups>(&Stub::Prune, request)));
}

Result<Compaction> RemoteBackups::compact() {
    return wire::to_model(TRY(call<v1::Compaction>(&Stub::Compact, v1::CompactRequest())));
}

Result<OperationId> RemoteBackups::restore(const Request& request) {
    return TRY(call<v1::StartReply>(&Stub::Restore, wire::from(request))).operation();
}

}  // namespace cutover
