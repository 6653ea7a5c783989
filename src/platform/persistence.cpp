#include "platform/persistence.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "platform/errors.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 100;

bool is_inside(const fs::path& path, const fs::path& folder) {
    const auto [in_folder, in_path] = std::ranges::mismatch(folder, path);
    return in_folder == folder.end();
}

std::unexpected<Error> system_failure(const std::error_code& error, std::string_view what,
                                      const fs::path& path) {
    return std::unexpected(errno_error(error.value(), fmt::format("{} {}", what, path.string())));
}

bool is_there(const fs::path& path) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(path, ignored));
}

Result<fs::path> real_path(const fs::path& path) {
    std::error_code error;
    auto real = fs::weakly_canonical(path, error);
    if (error) return system_failure(error, "resolve", path);
    return real;
}

Result<> keep_attributes(const fs::path& to, const struct stat& info) {
    // Only root may give files away; for others the copy is theirs, as the original was.
    if (::geteuid() == 0 && ::lchown(to.c_str(), info.st_uid, info.st_gid) != 0)
        return std::unexpected(errno_error(errno, fmt::format("chown {}", to.string())));
    if (!S_ISLNK(info.st_mode) && ::chmod(to.c_str(), info.st_mode & 07777U) != 0)
        return std::unexpected(errno_error(errno, fmt::format("chmod {}", to.string())));
    const std::array times{info.st_atim, info.st_mtim};
    if (::utimensat(AT_FDCWD, to.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
        return std::unexpected(errno_error(errno, fmt::format("set times of {}", to.string())));
    return {};
}

// A file or link comes whole or not at all, for a service may read while it is replaced.
Result<> copy_leaf(const fs::path& from, const fs::path& to, const struct stat& info) {
    auto beside = to;
    beside += ".carried";
    TRY(remove_tree(beside));
    std::error_code error;
    if (S_ISLNK(info.st_mode))
        fs::copy_symlink(from, beside, error);
    else
        fs::copy_file(from, beside, error);
    if (error) return system_failure(error, "copy", from);
    TRY(keep_attributes(beside, info));
    if (fs::is_directory(fs::symlink_status(to, error))) TRY(remove_tree(to));
    fault_point("slot.persist_copied");
    if (std::rename(beside.c_str(), to.c_str()) != 0)
        return std::unexpected(errno_error(errno, fmt::format("rename to {}", to.string())));
    return {};
}

Result<> copy_entry(const fs::path& from, const fs::path& to, Existing existing, int depth) {
    struct stat info{};
    if (::lstat(from.c_str(), &info) != 0)
        return std::unexpected(errno_error(errno, fmt::format("look at {}", from.string())));
    if (S_ISREG(info.st_mode) || S_ISLNK(info.st_mode)) {
        if (existing == Existing::kept && is_there(to)) return {};
        return copy_leaf(from, to, info);
    }
    if (!S_ISDIR(info.st_mode)) return {};  // a socket, pipe or device is no configuration
    if (depth >= kMaxDepth) return fail(Errc::invalid, "{} is nested too deeply", from.string());
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(to, error))) {
        if (existing == Existing::kept && is_there(to)) return {};
        TRY(remove_tree(to));
        fs::create_directory(to, error);
        if (error) return system_failure(error, "create", to);
    }
    error.clear();
    for (fs::directory_iterator entry(from, error), end; !error && entry != end;
         entry.increment(error))
        TRY(copy_entry(entry->path(), to / entry->path().filename(), existing, depth + 1));
    if (error) return system_failure(error, "list", from);
    return keep_attributes(to, info);
}

}  // namespace

Result<std::vector<fs::path>> persistent_paths(const std::vector<std::string>& paths) {
    std::vector<fs::path> all;
    for (const auto& text : paths) {
        const auto path = fs::path(text).lexically_normal();
        const bool bad = text.empty() || path.is_absolute() || path == "." ||
                         std::ranges::find(path, fs::path("..")) != path.end();
        if (bad) return fail(errors::slot_bad_path, "persistent path '{}'", text);
        all.push_back(path.has_filename() ? path : path.parent_path());
    }
    std::ranges::sort(all);
    std::vector<fs::path> outermost;
    for (const auto& path : all)
        if (std::ranges::none_of(outermost,
                                 [&](const auto& kept) { return is_inside(path, kept); }))
            outermost.push_back(path);
    return outermost;
}

Result<> link_persistent(const fs::path& root, const fs::path& persist, const fs::path& path) {
    const auto real_root = TRY(real_path(root));
    const auto parent = TRY(real_path(root / path.parent_path()));
    if (!is_inside(parent, real_root))
        return fail(errors::slot_bad_path, "persistent path '{}' leaves the slot", path.string());
    const auto in_root = parent / path.filename();
    const auto kept = persist / path;
    TRY(make_folders(kept.parent_path()));
    TRY(make_folders(parent));
    const auto target =
        (TRY(real_path(kept.parent_path())) / path.filename()).lexically_relative(parent);

    std::error_code error;
    if (fs::is_symlink(in_root, error) && fs::read_symlink(in_root, error) == target) return {};
    if (is_there(in_root)) {
        if (is_there(kept)) {
            TRY(remove_tree(in_root));
        } else {
            fs::rename(in_root, kept, error);
            if (error) return system_failure(error, "move to the persistent files", in_root);
        }
    }
    fault_point("slot.persist_link");
    fs::create_symlink(target, in_root, error);
    if (error) return system_failure(error, "link", in_root);
    return {};
}

Result<> copy_over(const fs::path& from, const fs::path& to, Existing existing) {
    TRY(make_folders(to.parent_path()));
    return copy_entry(from, to, existing, 0);
}

Result<fs::path> find_persistent(const fs::path& root, const fs::path& persist,
                                 const fs::path& path) {
    if (!persist.empty() && is_there(persist / path)) return persist / path;
    if (root.empty() || !is_there(root / path)) return fs::path();
    const auto parent = TRY(real_path(root / path.parent_path()));
    const bool inside = is_inside(parent, TRY(real_path(root))) ||
                        (!persist.empty() && is_inside(parent, TRY(real_path(persist))));
    if (!inside)
        return fail(errors::slot_bad_path, "persistent path '{}' leaves the slot", path.string());
    auto found = parent / path.filename();
    std::error_code error;
    // A link that dangles into the persistent files: the package has a place, and nothing in it.
    if (fs::is_symlink(found, error) && !fs::exists(found, error)) return fs::path();
    return found;
}

Result<> seed_persistent(const fs::path& root, const fs::path& persist,
                         const std::vector<std::string>& paths) {
    const auto marker = persist / ".seeded";
    if (is_there(marker)) return {};
    TRY(make_folders(persist));
    for (const auto& path : TRY(persistent_paths(paths))) {
        const auto in_root = TRY(find_persistent(root, {}, path));
        if (!in_root.empty()) TRY(copy_over(in_root, persist / path, Existing::kept));
    }
    TRY(sync_file_system(persist));
    return write_file_durably(marker, "");
}

Result<std::vector<PersistentCover>> persistent_covers(const fs::path& root,
                                                       const fs::path& persist,
                                                       const std::vector<std::string>& paths) {
    std::vector<PersistentCover> covers;
    std::error_code error;
    for (const auto& path : TRY(persistent_paths(paths))) {
        auto in_root = TRY(find_persistent(root, {}, path));
        // A mount needs something to cover; a link would lead it elsewhere.
        if (in_root.empty() || fs::is_symlink(in_root, error)) continue;
        if (!is_there(persist / path) || fs::is_symlink(persist / path, error)) continue;
        if (fs::is_directory(in_root, error) != fs::is_directory(persist / path, error)) continue;
        covers.push_back({.from = persist / path, .over = std::move(in_root)});
    }
    return covers;
}

}  // namespace cutover
