#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "cutover/v1/backup.grpc.pb.h"
#include "doors/client/remote_device.h"
#include "model/backups.h"
#include "model/operation.h"

namespace cutover {

// The backups of a device at a distance.
class RemoteBackups final : public Backups {
public:
    using ToError = std::function<Error(const grpc::Status&, const grpc::ClientContext&)>;
    RemoteBackups(const std::shared_ptr<grpc::Channel>& channel,
                  const RemoteDevice::Options& options, ToError to_error);

    Result<Backup> create(const std::string& name, bool packages) override;
    Result<std::vector<Backup>> list() override;
    Result<Backup> show(const std::string& backup) override;
    Result<Backup> verify(const std::string& backup) override;
    Result<PrunedBackups> prune(const std::vector<std::string>& backups) override;
    Result<Compaction> compact() override;
    Result<OperationId> restore(const Request& request);

private:
    using Stub = v1::Backups::Stub;
    template <typename Reply, typename Wire>
    Result<Reply> call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Wire&, Reply*),
                       const Wire& request);

    const std::unique_ptr<Stub> stub_;
    const std::chrono::milliseconds timeout_;  // reading a whole file takes a while
    const ToError to_error_;
};

}  // namespace cutover
