#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include "base/error.h"
#include "doors/gnoi/door_context.h"
#include "doors/gnoi/file_root.h"
#include "gnoi/file/file.grpc.pb.h"

namespace cutover::gnoi_door {

// gnoi.file.File, inside one folder.
class FileService final : public ::gnoi::file::File::Service {
public:
    FileService(DoorContext& door, FileRoot& root) : door_(door), root_(root) {}

    grpc::Status Get(grpc::ServerContext* call, const ::gnoi::file::GetRequest* request,
                     grpc::ServerWriter<::gnoi::file::GetResponse>* writer) override;
    grpc::Status Put(grpc::ServerContext* call,
                     grpc::ServerReader<::gnoi::file::PutRequest>* reader,
                     ::gnoi::file::PutResponse* reply) override;
    grpc::Status Stat(grpc::ServerContext* call, const ::gnoi::file::StatRequest* request,
                      ::gnoi::file::StatResponse* reply) override;
    grpc::Status Remove(grpc::ServerContext* call, const ::gnoi::file::RemoveRequest* request,
                        ::gnoi::file::RemoveResponse* reply) override;

private:
    Result<> put(grpc::ServerContext& call, grpc::ServerReader<::gnoi::file::PutRequest>& reader);

    DoorContext& door_;
    FileRoot& root_;
};

}  // namespace cutover::gnoi_door
