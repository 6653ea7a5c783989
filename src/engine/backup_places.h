#pragma once

#include "backup/backup_folder.h"
#include "engine/ports.h"

namespace cutover {

// Where on this device is what a backup holds.
inline BackupPlaces backup_places(const Ports& ports) {
    return {.device = ports.folder,
            .trust = ports.folder / ports.config.anchors,
            .startup_config = ports.host.data() / "startup-config"};
}

}  // namespace cutover
