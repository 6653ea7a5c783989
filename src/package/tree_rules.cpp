#include "package/tree_rules.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "crypto/digest.h"
#include "package/errors.h"
#include "package/tree.h"

namespace cutover::tree {
namespace {

constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kInode = 512;
constexpr std::size_t kShortLink = 59;  // fits into an inode

std::uint64_t in_blocks(std::uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

std::string_view parent_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

std::vector<std::string_view> components(std::string_view path) {
    std::vector<std::string_view> result;
    for (bool more = true; more;) {
        const auto name = path.substr(0, path.find('/'));
        result.push_back(name);
        more = name.size() < path.size();
        path.remove_prefix(name.size() + (more ? 1 : 0));
    }
    return result;
}

// Folder by folder: what is in a folder comes before that folder's next neighbour.
bool comes_before(std::string_view a, std::string_view b) {
    return std::ranges::lexicographical_compare(a, b, [](char x, char y) {
        const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
        return rank(x) < rank(y);
    });
}

Result<> check_path(std::string_view path) {
    if (path.starts_with('/')) return fail(errors::tree_absolute_path, "entry '{}'", path);
    if (path.size() > kMaxPath)
        return fail(errors::tree_malformed, "a path has more than {} bytes", kMaxPath);
    for (const auto name : components(path)) {
        if (name.empty() || name == "." || name == "..")
            return fail(errors::tree_path_traversal, "entry '{}'", path);
        if (name.contains('\0')) return fail(errors::tree_malformed, "a path has a NUL in it");
    }
    return {};
}

// Collisions make a check of a hard link too kind, which unpacking then finds out.
std::uint64_t hash_of(std::string_view path) {
    const auto digest = sha256(path);
    std::uint64_t hash = 0;
    std::memcpy(&hash, digest.bytes.data(), sizeof hash);
    return hash;
}

}  // namespace

std::uint64_t installed_bytes(const Entry& entry) {
    switch (entry.type) {
        case EntryType::file: return kInode + in_blocks(entry.size);
        case EntryType::folder: return kInode + kBlock;
        case EntryType::symbolic_link:
            return kInode + (entry.target.size() > kShortLink ? in_blocks(entry.target.size()) : 0);
        case EntryType::hard_link: return kInode;
    }
    std::unreachable();
}

bool stays_inside(std::string_view path, std::string_view target) {
    if (target.empty() || target.starts_with('/') || target.size() >= kMaxPath ||
        target.contains('\0'))
        return false;
    auto depth = std::ranges::count(path, '/');
    bool names_began = false;
    for (const auto name : components(target)) {
        if (name == "..") {
            if (names_began || depth == 0) return false;
            --depth;
        } else if (name != "." && !name.empty()) {
            names_began = true;
        }
    }
    return true;
}

std::string relative_target(std::string_view path, std::string_view target) {
    if (!target.starts_with('/')) return std::string(target);
    std::string result;
    for (auto depth = std::ranges::count(path, '/'); depth > 0; --depth) result += "../";
    const auto start = target.find_first_not_of('/');
    if (start != target.npos) result += target.substr(start);
    if (result.empty()) return ".";
    if (result.ends_with('/')) result.pop_back();
    return result;
}

Result<> Checker::check_place(const Entry& entry) {
    TRY(check_path(entry.path));
    if (entry.path == last_) return fail(errors::tree_duplicate, "entry '{}'", entry.path);
    const auto parent = parent_of(entry.path);
    const auto depth =
        parent.empty() ? 0 : static_cast<std::size_t>(std::ranges::count(parent, '/')) + 1;
    const bool known = depth <= folders_.size() && (depth == 0 || folders_[depth - 1] == parent);
    const bool below_last = !last_.empty() && entry.path.starts_with(last_ + "/");
    if (!known && below_last)
        return fail(errors::tree_through_link, "entry '{}' is below '{}'", entry.path, last_);
    if (!last_.empty() && !comes_before(last_, entry.path))
        return fail(errors::tree_order, "entry '{}' comes after '{}'", entry.path, last_);
    if (!known)
        return fail(errors::tree_through_link, "entry '{}': its folder did not come before",
                    entry.path);
    return {};
}

Result<> Checker::check_target(const Entry& entry) const {
    if (entry.type == EntryType::symbolic_link && !stays_inside(entry.path, entry.target))
        return fail(errors::tree_link_outside, "the link '{}' points at '{}'", entry.path,
                    entry.target);
    if (entry.type != EntryType::hard_link) return {};
    const bool inside = check_path(entry.target) && comes_before(entry.target, entry.path) &&
                        std::ranges::find(files_, hash_of(entry.target)) != files_.end();
    if (!inside)
        return fail(errors::tree_link_outside,
                    "the hard link '{}' points at '{}', which is no file before it", entry.path,
                    entry.target);
    return {};
}

Result<> Checker::check(const Entry& entry,
                        const std::function<Result<>(const std::string&)>& on_leave) {
    TRY(check_place(entry));
    TRY(check_target(entry));
    if (++size_.entries > kMaxEntries)
        return fail(errors::tree_size_lie, "the tree has more than {} entries", kMaxEntries);
    while (!folders_.empty() && !entry.path.starts_with(folders_.back() + "/")) {
        TRY(on_leave(folders_.back()));
        folders_.pop_back();
    }
    if (entry.type == EntryType::folder) folders_.push_back(entry.path);
    if (entry.type == EntryType::file) {
        files_.push_back(hash_of(entry.path));
        size_.content_bytes += entry.size;
    }
    size_.installed_bytes += installed_bytes(entry);
    last_ = entry.path;
    return {};
}

Result<> Checker::leave_all(const std::function<Result<>(const std::string&)>& on_leave) {
    for (; !folders_.empty(); folders_.pop_back()) TRY(on_leave(folders_.back()));
    return {};
}

}  // namespace cutover::tree
