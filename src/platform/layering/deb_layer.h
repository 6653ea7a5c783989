#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace cutover {

// Debian packages installed into a layer: dpkg runs on an overlay of the layer over what it is to
// lie on, which it sees and cannot change. Maintainer scripts run chrooted in it, without a
// network, seeing no process but their own in /proc, and never against the live root. What dpkg
// removes is in the layer as overlayfs has it: a character device 0:0 is a file that is gone,
// trusted.overlay.opaque=y a folder that begins anew.
struct DebInstall {
    std::filesystem::path debs;                  // a folder; all *.deb in and below it
    std::filesystem::path upper;                 // the layer; exists and is empty
    std::filesystem::path scratch;               // on the same file system; removed
    std::vector<std::filesystem::path> beneath;  // the highest first, the base's root last
};

// For root and with dpkg on the machine; layer.deb_failed has the end of what dpkg said.
Result<> install_debs(const DebInstall& install);

// What the Debian packages in and below `folder` need once they are unpacked, as their control
// files say (Installed-Size); of one that does not say it, its own size.
Result<std::uint64_t> unpacked_bytes(const std::filesystem::path& folder);

bool is_whiteout(const std::filesystem::path& path);
bool is_opaque(const std::filesystem::path& folder);

}  // namespace cutover
