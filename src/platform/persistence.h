#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

// Persistent paths: files of a package that people and services change and that an upgrade keeps.
namespace cutover {

// The paths in order, without those that lie inside another one; slot.bad_path for one that is
// absolute, empty or has "..".
Result<std::vector<std::filesystem::path>> persistent_paths(const std::vector<std::string>& paths);

// Moves what the tree in `root` brought at `path` to the same place in `persist` (where that has
// nothing yet; else it is dropped) and leaves a relative link to there. Repeatable.
Result<> link_persistent(const std::filesystem::path& root, const std::filesystem::path& persist,
                         const std::filesystem::path& path);

enum class Existing : std::uint8_t { replaced, kept };

// Copies a file, folder or link, with modes, owners and times, over what is at `to`: files of a
// folder that only `to` has stay. Sockets, pipes and devices are left out. Not durable before the
// file system is synced.
Result<> copy_over(const std::filesystem::path& from, const std::filesystem::path& to,
                   Existing existing);

// Where `path` really is, if it is there and inside `root` or `persist`: a link may not lead a copy
// out of the slot. Empty when there is nothing.
Result<std::filesystem::path> find_persistent(const std::filesystem::path& root,
                                              const std::filesystem::path& persist,
                                              const std::filesystem::path& path);

// For a root that cannot be changed: its persistent paths are copied out once, at its first boot
// (what was carried there before is kept), and from then on shown over it. Durable; repeatable.
Result<> seed_persistent(const std::filesystem::path& root, const std::filesystem::path& persist,
                         const std::vector<std::string>& paths);

struct PersistentCover {
    std::filesystem::path from;  // below `persist`
    std::filesystem::path over;  // below `root`; of the same type
};
// What to show where. A path that `root` has no place for is left out.
Result<std::vector<PersistentCover>> persistent_covers(const std::filesystem::path& root,
                                                       const std::filesystem::path& persist,
                                                       const std::vector<std::string>& paths);

}  // namespace cutover
