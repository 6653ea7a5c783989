#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "backup/backup_folder.h"
#include "base/clock.h"
#include "base/error.h"
#include "model/backups.h"
#include "model/device.h"
#include "model/device_config.h"

namespace cutover {

// The backups of the device that an agent runs. What it takes of the device it takes by itself,
// beside the engine: through a connection of its own to the database, and from files.
class AgentBackups final : public Backups {
public:
    // All of them outlive it.
    AgentBackups(Device& device, const DeviceConfig& config, const Clock& clock,
                 const BackupPlaces& places)
        : device_(device), config_(config), clock_(clock), places_(places), folder_(places) {}

    Result<Backup> create(const std::string& name, bool packages) override;
    Result<std::vector<Backup>> list() override { return folder_.list(); }
    Result<Backup> show(const std::string& backup) override { return folder_.show(backup); }
    Result<Backup> verify(const std::string& backup) override { return folder_.verify(backup); }
    Result<PrunedBackups> prune(const std::vector<std::string>& backups) override;
    Result<Compaction> compact() override;

private:
    Device& device_;
    const DeviceConfig& config_;
    const Clock& clock_;
    BackupPlaces places_;
    BackupFolder folder_;
};

}  // namespace cutover
