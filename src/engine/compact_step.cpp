// The database is compacted while its device is about to stop anyway.

#include <fmt/core.h>

#include "backup/backup_manifest.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/engine.h"
#include "store/copy.h"

namespace cutover {

// Smaller is better, and no reason to give an upgrade up: a disk that is full is one for a warning.
Result<Engine::Done> Engine::compact() {
    const auto sizes = compact_database(ports_.folder / kBackupDatabase);
    if (!sizes) {
        record_->operation.warnings.push_back(
            fmt::format("the database was not compacted: {}", sizes.error().text()));
        say(record_->operation.warnings.back());
        return Done{};
    }
    const auto text = fmt::format("database compacted from {} to {}", human_size(sizes->before),
                                  human_size(sizes->after));
    say(text);
    return Done{.detail = text};
}

}  // namespace cutover
