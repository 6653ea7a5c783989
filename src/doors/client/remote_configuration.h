#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cutover/v1/configuration.grpc.pb.h"
#include "doors/client/agent_line.h"
#include "model/configuration.h"

namespace cutover {

// The configuration of the device at the other end of the line. Whether it has one is told by the
// first call (config.none). Who asks is what the agent finds; a given `by` is not sent.
class RemoteConfiguration final : public Configuration {
public:
    explicit RemoteConfiguration(const AgentLine& line);  // which outlives it

    Result<ConfigStatus> status() override;
    Result<std::string> show(const ConfigSource& source, const std::string& path,
                             ConfigFormat format) override;
    Result<std::string> value(const ConfigSource& source, const std::string& path) override;
    Result<std::vector<ConfigChange>> changes(const ConfigSource& from,
                                              const ConfigSource& to) override;
    Result<> edit(const std::string& session, const std::vector<ConfigEdit>& edits) override;
    Result<> discard(const std::string& session) override;
    Result<ConfigRevision> commit(const ConfigCommit& commit) override;
    Result<> save(const std::string& by) override;
    Result<std::vector<ConfigRevision>> history(int max_count) override;
    Result<ConfigRevision> rollback(ConfigRevisionId revision, const std::string& by) override;
    Result<ConfigMigrated> migrate(const ConfigMigrate& wanted) override;

private:
    using Stub = v1::Configuration::Stub;

    const AgentLine& line_;
    const std::unique_ptr<Stub> stub_;
};

}  // namespace cutover
