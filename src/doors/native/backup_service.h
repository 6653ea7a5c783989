#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "cutover/v1/backup.grpc.pb.h"
#include "doors/native/native_door.h"
#include "model/device.h"

namespace cutover {

// The calls of backup.proto over a Device; each runs on a thread of its own, given by gRPC.
class BackupService final : public v1::Backups::Service {
public:
    BackupService(Device& device, const NativeDoor::Options& options)
        : device_(device), with_access_(options.access != nullptr) {}

    grpc::Status Create(grpc::ServerContext* context, const v1::CreateBackupRequest* request,
                        v1::Backup* reply) override;
    grpc::Status List(grpc::ServerContext* context, const v1::ListBackupsRequest* request,
                      v1::ListBackupsReply* reply) override;
    grpc::Status Show(grpc::ServerContext* context, const v1::BackupName* request,
                      v1::Backup* reply) override;
    grpc::Status Verify(grpc::ServerContext* context, const v1::BackupName* request,
                        v1::Backup* reply) override;
    grpc::Status Prune(grpc::ServerContext* context, const v1::PruneBackupsRequest* request,
                       v1::PrunedBackups* reply) override;
    grpc::Status Restore(grpc::ServerContext* context, const v1::Request* request,
                         v1::StartReply* reply) override;
    grpc::Status Compact(grpc::ServerContext* context, const v1::CompactRequest* request,
                         v1::Compaction* reply) override;

private:
    template <typename Call, typename Set>
    grpc::Status ask(grpc::ServerContext& context, Call call, Set set);

    Device& device_;
    const bool with_access_;
};

}  // namespace cutover
