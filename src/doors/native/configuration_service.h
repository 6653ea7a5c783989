#pragma once

#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/error.h"
#include "cutover/v1/configuration.grpc.pb.h"
#include "doors/native/native_door.h"
#include "model/configuration.h"
#include "model/device.h"

namespace cutover {

// The calls of configuration.proto over a Device's configuration.
class ConfigurationService final : public v1::Configuration::Service {
public:
    ConfigurationService(Device& device, const NativeDoor::Options& options)
        : device_(device), options_(options) {}

    grpc::Status GetStatus(grpc::ServerContext* context,
                           const v1::GetConfigurationStatusRequest* request,
                           v1::ConfigurationStatus* reply) override;
    grpc::Status Show(grpc::ServerContext* context, const v1::ShowConfigurationRequest* request,
                      v1::ShowConfigurationReply* reply) override;
    grpc::Status GetValue(grpc::ServerContext* context, const v1::GetValueRequest* request,
                          v1::GetValueReply* reply) override;
    grpc::Status Changes(grpc::ServerContext* context,
                         const v1::ConfigurationChangesRequest* request,
                         v1::ConfigurationChangesReply* reply) override;
    grpc::Status Edit(grpc::ServerContext* context, const v1::EditConfigurationRequest* request,
                      v1::EditConfigurationReply* reply) override;
    grpc::Status Discard(grpc::ServerContext* context,
                         const v1::DiscardConfigurationRequest* request,
                         v1::DiscardConfigurationReply* reply) override;
    grpc::Status Commit(grpc::ServerContext* context, const v1::CommitConfigurationRequest* request,
                        v1::ConfigurationRevision* reply) override;
    grpc::Status Save(grpc::ServerContext* context, const v1::SaveConfigurationRequest* request,
                      v1::SaveConfigurationReply* reply) override;
    grpc::Status History(grpc::ServerContext* context,
                         const v1::ConfigurationHistoryRequest* request,
                         v1::ConfigurationHistoryReply* reply) override;
    grpc::Status Rollback(grpc::ServerContext* context,
                          const v1::RollbackConfigurationRequest* request,
                          v1::ConfigurationRevision* reply) override;
    grpc::Status Migrate(grpc::ServerContext* context, const v1::MigrateInstancesRequest* request,
                         v1::MigrateInstancesReply* reply) override;

private:
    Result<Configuration*> configuration() const;
    std::string asker(const grpc::ServerContext& call) const;
    // The one that is named; else the caller's own.
    Result<std::string> session(const grpc::ServerContext& call, const std::string& wire) const;
    Result<ConfigSource> source(const grpc::ServerContext& call,
                                const v1::ConfigurationSource& wire) const;

    Result<std::string> show(const grpc::ServerContext& call,
                             const v1::ShowConfigurationRequest& request) const;
    Result<v1::MigrateInstancesReply> migrate(const grpc::ServerContext& call,
                                              const v1::MigrateInstancesRequest& request) const;
    Result<std::string> value(const grpc::ServerContext& call,
                              const v1::GetValueRequest& request) const;
    Result<v1::ConfigurationChangesReply> changes(
        const grpc::ServerContext& call, const v1::ConfigurationChangesRequest& request) const;
    Result<> edit(const grpc::ServerContext& call,
                  const v1::EditConfigurationRequest& request) const;
    Result<> discard(const grpc::ServerContext& call,
                     const v1::DiscardConfigurationRequest& request) const;
    Result<ConfigRevision> commit(const grpc::ServerContext& call,
                                  const v1::CommitConfigurationRequest& request) const;

    Device& device_;
    const NativeDoor::Options options_;
};

}  // namespace cutover
