#pragma once

#include "base/error.h"
#include "cutover/v1/backup.pb.h"
#include "model/backups.h"

// As convert.h, for backups.
namespace cutover::wire {

v1::Backup from(const Backup& backup);
v1::PrunedBackups from(const PrunedBackups& pruned);
v1::Compaction from(const Compaction& compaction);

Result<Backup> to_model(const v1::Backup& wire);
PrunedBackups to_model(const v1::PrunedBackups& wire);
Compaction to_model(const v1::Compaction& wire);

}  // namespace cutover::wire
