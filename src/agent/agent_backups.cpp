#include "agent/agent_backups.h"

#include <string>
#include <utility>
#include <vector>

#include "backup/backup_folder.h"
#include "backup/backup_manifest.h"
#include "base/error.h"
#include "engine/errors.h"
#include "model/backups.h"
#include "model/device.h"
#include "model/planner.h"
#include "store/copy.h"

namespace cutover {

Result<Backup> AgentBackups::create(const std::string& name, bool packages) {
    const auto state = TRY(device_.state());
    const auto* const running = find_generation(state.generations, state.marks.running);
    if (!running) return fail(Errc::conflict, "the device has no base yet");
    auto about = about_device(config_, state.uuid, *running);
    about.made = clock_.wall();
    return folder_.create(std::move(about), name, packages);
}

Result<PrunedBackups> AgentBackups::prune(const std::vector<std::string>& backups) {
    return backups.empty() ? folder_.prune(config_.backup, clock_.wall()) : folder_.prune(backups);
}

// An operation that begins meanwhile waits for the database; that takes no longer than its
// connection is patient.
Result<Compaction> AgentBackups::compact() {
    const auto state = TRY(device_.state());
    if (state.current)
        return fail(errors::operation_busy, "operation {} ({}) is at work", state.current->id,
                    state.current->title);
    const auto sizes = TRY(compact_database(places_.device / kBackupDatabase));
    auto pruned = TRY(folder_.prune(config_.backup, clock_.wall()));
    return Compaction{
        .bytes_before = sizes.before, .bytes_after = sizes.after, .pruned = std::move(pruned)};
}

}  // namespace cutover
