#include "backends/machine/persistent_mounts.h"

#include <cerrno>
#include <expected>
#include <filesystem>
#include <string>
#include <sys/mount.h>
#include <system_error>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "platform/persistence.h"

namespace cutover {

namespace fs = std::filesystem;

Result<PersistentMounts> show_persistent(const fs::path& root, const fs::path& persist,
                                         const std::vector<std::string>& paths) {
    TRY(seed_persistent(root, persist, paths), "copy the persistent files out");
    PersistentMounts done;
    for (const auto& path : TRY(persistent_paths(paths))) {
        const auto covers = TRY(persistent_covers(root, persist, {path.string()}));
        if (covers.empty()) {
            done.left_out.push_back(path.string());
            continue;
        }
        const auto& [from, over] = covers.front();
        std::error_code error;
        ++done.shown;
        if (fs::equivalent(from, over, error)) continue;  // shown already
        if (::mount(from.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) != 0)
            return std::unexpected(
                errno_error(errno, fmt::format("show {} at {}", from.string(), over.string())));
    }
    return done;
}

}  // namespace cutover
