#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "cutover/v1/configuration.pb.h"
#include "model/configuration.h"

// As convert.h, for configuration.proto.
namespace cutover::wire {

v1::ConfigurationStatus from(const ConfigStatus& status);
v1::ConfigurationRevision from(const ConfigRevision& revision);
v1::ConfigurationChange from(const ConfigChange& change);
v1::ConfigurationSource from(const ConfigSource& source);
v1::ConfigurationEdit from(const ConfigEdit& edit);
v1::CommitConfigurationRequest from(const ConfigCommit& commit);  // but for who asks
v1::ConfigurationFormat from(ConfigFormat format);
v1::MigrateInstancesRequest from(const ConfigMigrate& wanted);  // but for who asks
v1::MigrateInstancesReply from(const ConfigMigrated& migrated);

Result<ConfigStatus> to_model(const v1::ConfigurationStatus& wire);
Result<ConfigRevision> to_model(const v1::ConfigurationRevision& wire);
Result<ConfigChange> to_model(const v1::ConfigurationChange& wire);
Result<ConfigSource> to_model(const v1::ConfigurationSource& wire);
Result<std::vector<ConfigEdit>> to_model(const v1::EditConfigurationRequest& wire);
Result<ConfigCommit> to_model(const v1::CommitConfigurationRequest& wire);
Result<ConfigFormat> to_model(v1::ConfigurationFormat wire);
Result<ConfigMigrate> to_model(const v1::MigrateInstancesRequest& wire);
Result<ConfigMigrated> to_model(const v1::MigrateInstancesReply& wire);  // but for what was asked

// What a client may name: without control characters, and not too long.
Result<std::string> session_from(const std::string& wire);
Result<std::string> path_from(const std::string& wire);

}  // namespace cutover::wire
