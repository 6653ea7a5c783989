#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/terminal.h"
#include "model/configuration.h"

// Configuration as text: each function returns whole lines that hold nothing that a terminal would
// act on, and fit its width; but lines of a difference and of a document are as long as they are.
namespace cutover::cli {

// As the agent wrote it; what is unsafe is escaped as the format does it, and means the same.
std::string document_text(std::string document, ConfigFormat format);

// A line each: "+ PATH: VALUE", "- PATH: VALUE", "~ PATH: BEFORE -> AFTER".
std::string changes_text(const std::vector<ConfigChange>& changes, const Terminal& terminal);

// What a commit or a rollback came to. `status` is as it is after it.
struct CommitView {
    ConfigRevision revision;
    ConfigRevisionId ran_before = 0;
    bool confirmed = false;  // nothing new: a commit on trial was confirmed
    std::vector<ConfigChange> changes;
    ConfigStatus status;
};
std::string commit_text(const CommitView& commit, WallTime now, const Terminal& terminal);

std::string config_status_text(const ConfigStatus& status, WallTime now, const Terminal& terminal);
std::string config_history_text(const std::vector<ConfigRevision>& revisions,
                                const ConfigStatus& status, const Terminal& terminal);

// "running, startup", "on trial": what is said of a revision.
std::vector<std::string> marks_of(const ConfigStatus& status, ConfigRevisionId revision);

}  // namespace cutover::cli
