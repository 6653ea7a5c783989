#include "platform/layering/layer_view.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "platform/errors.h"
#include "platform/layering/deb_layer.h"
#include "platform/layering/errors.h"
#include "platform/persistence.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 100;

std::unexpected<Error> failed(int error, std::string_view what, const fs::path& path) {
    return std::unexpected(errno_error(error, fmt::format("{} {}", what, path.string())));
}

bool is_inside(const fs::path& path, const fs::path& folder) {
    const auto [in_folder, in_path] = std::ranges::mismatch(folder, path);
    return in_folder == folder.end();
}

// Calls `visit` with every entry of `folder`, an entry's folder before it. Follows no links.
Result<> walk(const fs::path& folder,
              const std::function<Result<>(const fs::path& relative, fs::file_type type)>& visit) {
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry.depth() > kMaxDepth)
            return fail(Errc::invalid, "{} is nested too deeply", entry->path().string());
        TRY(visit(entry->path().lexically_relative(folder), entry->symlink_status().type()));
    }
    if (error) return failed(error.value(), "list", folder);
    return {};
}

Result<> check_persistent(const ViewParts::Layer& layer, const std::vector<fs::path>& kept,
                          const fs::path& path, fs::file_type type) {
    for (const auto& persistent : kept) {
        const bool below = is_inside(path, persistent);
        const bool replaces_parent =
            type != fs::file_type::directory && is_inside(persistent, path);
        if (below || replaces_parent)
            return fail(errors::layer_conflict,
                        "{} brings {}, which hides {}, a persistent path of the base", layer.name,
                        path.string(), persistent.string());
    }
    return {};
}

// What the nearest root below has at `path`, links not followed.
fs::path beneath(const ViewParts& parts, std::size_t layer, const fs::path& path) {
    std::error_code error;
    while (layer-- > 0) {
        if (parts.layers[layer].root.empty()) continue;
        auto found = parts.layers[layer].root / path;
        if (fs::exists(fs::symlink_status(found, error))) return found;
    }
    return parts.base.empty() ? fs::path() : parts.base / path;
}

// Every entry of a layer, stored or not.
Result<> each_entry(const ViewParts::Layer& layer,
                    const std::function<Result<>(const fs::path&, fs::file_type)>& visit) {
    if (layer.outline == nullptr) return walk(layer.root, visit);
    for (const auto& entry : layer.outline->entries)
        TRY(visit(entry.path, entry.is_folder ? fs::file_type::directory : fs::file_type::regular));
    return {};
}

void keep_attributes(const fs::path& to, const struct stat& info) {
    // Only root may give files away; for others all of it is theirs.
    if (::geteuid() == 0 && ::lchown(to.c_str(), info.st_uid, info.st_gid) != 0) return;
    if (S_ISLNK(info.st_mode)) return;
    if (::chmod(to.c_str(), info.st_mode & 07777U) != 0) return;
    const std::array times{info.st_atim, info.st_mtim};
    ::utimensat(AT_FDCWD, to.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
}

Result<> link_file(const fs::path& from, const fs::path& to) {
    if (::link(from.c_str(), to.c_str()) == 0) return {};
    if (errno == EMLINK) return copy_over(from, to, Existing::replaced);
    if (errno == EXDEV)
        return fail(errors::layer_other_file_system, "{} is on another file system than {}",
                    from.string(), to.parent_path().string());
    return failed(errno, "link", from);
}

Result<> merge(const fs::path& from, const fs::path& to, int depth);

Result<> merge_entry(const fs::path& from, const fs::path& to, int depth) {
    struct stat info{};
    if (::lstat(from.c_str(), &info) != 0) return failed(errno, "look at", from);
    if (is_whiteout(from)) return remove_tree(to);
    if (S_ISDIR(info.st_mode)) {
        if (is_opaque(from)) TRY(remove_tree(to));
        return merge(from, to, depth);
    }
    if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) return {};  // a socket, a pipe
    TRY(remove_tree(to));
    if (S_ISREG(info.st_mode)) return link_file(from, to);
    std::error_code error;
    fs::copy_symlink(from, to, error);
    if (error) return failed(error.value(), "copy", from);
    keep_attributes(to, info);
    return {};
}

Result<> merge(const fs::path& from, const fs::path& to, int depth) {
    if (depth > kMaxDepth) return fail(Errc::invalid, "{} is nested too deeply", from.string());
    struct stat info{};
    if (::lstat(from.c_str(), &info) != 0) return failed(errno, "look at", from);
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(to, error))) {
        TRY(remove_tree(to));
        if (::mkdir(to.c_str(), 0700) != 0) return failed(errno, "make", to);
    } else if (::chmod(to.c_str(), 0700) != 0) {
        return failed(errno, "open up", to);
    }
    error.clear();
    for (fs::directory_iterator entry(from, error), end; !error && entry != end;
         entry.increment(error))
        TRY(merge_entry(entry->path(), to / entry->path().filename(), depth + 1));
    if (error) return failed(error.value(), "list", from);
    // Writable for its owner while it is filled; what it is to be comes last.
    keep_attributes(to, info);
    return {};
}

}  // namespace

Result<> check_view(const ViewParts& parts) {
    const auto kept = TRY(persistent_paths(parts.base_persistent));
    for (std::size_t i = 0; i < parts.layers.size(); ++i) {
        const auto& layer = parts.layers[i];
        TRY(each_entry(layer, [&](const fs::path& path, fs::file_type type) -> Result<> {
            TRY(check_persistent(layer, kept, path, type));
            if (type != fs::file_type::directory) return {};
            const auto below = beneath(parts, i, path);
            std::error_code error;
            if (fs::is_symlink(fs::symlink_status(below, error)) && fs::is_directory(below, error))
                return fail(errors::layer_conflict,
                            "{} brings the folder {}, which below it is a link to {}", layer.name,
                            path.string(), fs::read_symlink(below, error).string());
            return {};
        }));
    }
    return {};
}

Result<> seed_packages(const ViewParts& parts) {
    bool copied = false;
    // The highest first: what it brings is what its view shows.
    for (auto layer = parts.layers.rbegin(); layer != parts.layers.rend(); ++layer) {
        for (const auto& path : TRY(persistent_paths(layer->persist))) {
            const auto kept = parts.packages_persist / path;
            std::error_code error;
            if (fs::exists(fs::symlink_status(kept, error))) continue;
            const auto found = TRY(find_persistent(layer->root, {}, path));
            TRY(make_folders(kept.parent_path()));
            if (found.empty()) continue;
            // Whole or not at all, for a folder of which a part is there is not copied again.
            auto beside = kept;
            beside += ".seed";
            TRY(remove_tree(beside));
            TRY(copy_over(found, beside, Existing::replaced));
            TRY(sync_file_system(kept.parent_path()));
            TRY(rename_durably(beside, kept));
            copied = true;
        }
    }
    if (copied) TRY(sync_file_system(parts.packages_persist));
    return {};
}

Result<> build_tree_view(const ViewParts& parts, const fs::path& root) {
    if (parts.base_is_mounted)
        return fail(errors::layer_other_file_system, "the base is a mounted image");
    TRY(merge(parts.base, root, 0));
    for (const auto& layer : parts.layers) TRY(merge(layer.root, root, 0), "{}", layer.name);
    const auto kept = TRY(persistent_paths(parts.base_persistent));
    for (const auto& layer : parts.layers)
        for (const auto& path : TRY(persistent_paths(layer.persist))) {
            const bool of_base =
                std::ranges::any_of(kept, [&](const auto& base) { return is_inside(path, base); });
            if (!of_base) TRY(link_persistent(root, parts.packages_persist, path));
        }
    return {};
}

Result<> mount_overlay(const std::string& source, const std::vector<fs::path>& lower,
                       const fs::path& at, unsigned long flags) {
    // By number and not by path: the kernel takes no more than a page of options, and a path may
    // have what separates them in it.
    std::vector<UniqueFd> folders;
    std::string options = "lowerdir=";
    for (const auto& folder : lower) {
        folders.push_back(TRY(open_file(folder, O_PATH | O_DIRECTORY)));
        options +=
            fmt::format("{}/proc/self/fd/{}", folders.size() == 1 ? "" : ":", folders.back().get());
    }
    TRY(make_folders(at));
    if (::mount(source.c_str(), at.c_str(), "overlay", MS_RDONLY | flags, options.c_str()) != 0)
        return fail(errors::layer_no_overlay, "{}",
                    errno_error(errno, fmt::format("mount {}", at.string())).message);
    return {};
}

Result<std::unique_ptr<OverlayView>> OverlayView::mount(const ViewParts& parts,
                                                        const fs::path& root) {
    if (::geteuid() != 0)
        return fail(errors::layer_needs_root, "only root can mount {}", root.string());
    std::vector<fs::path> lower;
    for (auto layer = parts.layers.rbegin(); layer != parts.layers.rend(); ++layer)
        lower.push_back(layer->root);
    lower.push_back(parts.base);
    TRY(mount_overlay("cutover", lower, root, MS_NODEV | MS_NOSUID));
    std::unique_ptr<OverlayView> view(new OverlayView(root));
    if (parts.base_is_mounted) TRY(view->cover(parts.base_persist, parts.base_persistent));
    for (const auto& layer : parts.layers) TRY(view->cover(parts.packages_persist, layer.persist));
    return view;
}

Result<> OverlayView::cover(const fs::path& persist, const std::vector<std::string>& paths) {
    for (const auto& cover : TRY(persistent_covers(mounted_.front(), persist, paths))) {
        if (::mount(cover.from.c_str(), cover.over.c_str(), nullptr, MS_BIND, nullptr) != 0)
            return failed(errno, "show", cover.from);
        mounted_.push_back(cover.over);
    }
    return {};
}

OverlayView::~OverlayView() {
    for (auto path = mounted_.rbegin(); path != mounted_.rend(); ++path)
        ::umount2(path->c_str(), MNT_DETACH);
}

}  // namespace cutover
