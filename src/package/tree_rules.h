#pragma once

// What a tree may hold, for the side that packs and the side that unpacks.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "package/tree.h"

namespace cutover::tree {

inline constexpr std::uint64_t kMaxEntries = 2'000'000;
inline constexpr std::size_t kMaxPath = 4096;
inline constexpr std::int64_t kTime = 315532800;  // of every entry: 1980-01-01

enum class EntryType : std::uint8_t { file, folder, symbolic_link, hard_link };

struct Entry {
    std::string path;  // relative, no "." and "..", no slash at the end
    EntryType type = EntryType::file;
    std::uint64_t size = 0;  // of a file
    std::string target;      // of a link
};

// What an entry needs on a file system, as the builder counts it and the reader counts it again:
// whole blocks of 4 KiB for content and for a folder, and half a KiB for the inode.
std::uint64_t installed_bytes(const Entry& entry);

// Looks at each entry in turn, with memory for no more than the way from the root to the entry and
// eight bytes a file.
class Checker {
public:
    // The first says which folders, innermost first, end before this entry.
    Result<> check(const Entry& entry, const std::function<Result<>(const std::string&)>& on_leave);
    Result<> leave_all(const std::function<Result<>(const std::string&)>& on_leave);
    const TreeSize& size() const { return size_; }

private:
    Result<> check_place(const Entry& entry);
    Result<> check_target(const Entry& entry) const;

    std::vector<std::string> folders_;  // from the root to the last entry
    std::string last_;
    std::vector<std::uint64_t> files_;  // hashes of their paths
    TreeSize size_;
};

// The relative form of a link at `path` that points at `target`, which may be absolute in the tree.
std::string relative_target(std::string_view path, std::string_view target);

// Whether a symbolic link at `path` stays inside whatever the other links are: first any "..",
// which go up real folders only and not above the root, then names.
bool stays_inside(std::string_view path, std::string_view target);

}  // namespace cutover::tree
