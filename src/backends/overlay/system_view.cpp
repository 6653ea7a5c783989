#include "backends/overlay/system_view.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "backends/overlay/errors.h"
#include "backends/overlay/mount_table.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "platform/errors.h"
#include "platform/layering/layer_view.h"
#include "platform/persistence.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSource = "cutover:";  // of our overlays, in the mount table
// Views below the one that is seen, on a kernel that cannot replace them.
constexpr std::size_t kMaxStacked = 64;
constexpr unsigned kMoveMountBeneath = 0x200;  // Linux 6.5; newer than Debian 12's headers

std::unexpected<Error> failed(int error, std::string_view what, const fs::path& path) {
    return std::unexpected(errno_error(error, fmt::format("{} {}", what, path.string())));
}

bool is_inside(const fs::path& path, const fs::path& folder) {
    const auto [in_folder, in_path] = std::ranges::mismatch(folder, path);
    return in_folder == folder.end();
}

bool is_folder(const fs::path& path) {
    std::error_code error;
    return fs::is_directory(fs::symlink_status(path, error));
}

std::string source_of(std::string_view view) { return fmt::format("{}{}", kSource, view); }

bool is_mounted(const std::vector<Mount>& table, const fs::path& path) {
    return std::ranges::find(table, path, &Mount::at) != table.end();
}

// What is seen at the path is that mount, and not one that covers it.
bool is_seen(const Mount& mount) {
    struct statx info{};
    return ::statx(AT_FDCWD, mount.at.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID,
                   &info) == 0 &&
           (info.stx_mask & STATX_MNT_ID) != 0 && info.stx_mnt_id == mount.id;
}

Result<> bind(const fs::path& from, const fs::path& to) {
    if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return failed(errno, "bind", from);
    // What is mounted over `from` later must not appear here as well.
    if (::mount(nullptr, to.c_str(), nullptr, MS_PRIVATE, nullptr) != 0)
        return failed(errno, "keep private", to);
    return {};
}

bool move_beneath(const fs::path& from, const fs::path& to) {
    return ::syscall(SYS_move_mount, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
                     kMoveMountBeneath) == 0;
}

std::string listed(const std::vector<std::string>& folders) {
    return fmt::format("{}", fmt::join(folders, ", "));
}

Result<> check_files(const ViewParts::Layer& layer, const std::vector<std::string>& folders) {
    std::error_code error;
    for (fs::recursive_directory_iterator entry(layer.root, error), end; !error && entry != end;
         entry.increment(error)) {
        const auto path = entry->path().lexically_relative(layer.root);
        const bool directory = entry->symlink_status().type() == fs::file_type::directory;
        TRY(check_place(layer.name, path, directory, folders));
        if (directory && std::ranges::find(folders, path.string()) != folders.end())
            entry.disable_recursion_pending();
    }
    if (error) return failed(error.value(), "list", layer.root);
    return {};
}

Result<> check_kept(const ViewParts::Layer& layer, const std::vector<std::string>& folders) {
    for (const auto& path : TRY(persistent_paths(layer.persist)))
        if (std::ranges::none_of(folders,
                                 [&](const auto& folder) { return is_inside(path, folder); }))
            return fail(errors::layer_outside, "{} keeps {}; this device takes packages in {} only",
                        layer.name, path.string(), listed(folders));
    return {};
}

}  // namespace

Result<> check_place(const std::string& layer, const fs::path& path, bool is_folder,
                     const std::vector<std::string>& folders) {
    for (const auto& folder : folders) {
        const bool leads_there = is_inside(folder, path);  // or is it
        const bool below = is_inside(path, folder) && !leads_there;
        if (below || (leads_there && is_folder)) return {};
    }
    return fail(errors::layer_outside, "{} brings {}; this device takes packages in {} only", layer,
                path.string(), listed(folders));
}

// A mount of its own, and private: mounts below it are seen nowhere else, and may be moved.
Result<> SystemView::open_scratch() {
    TRY(make_folders(place_.scratch));
    std::error_code error;
    place_.scratch = fs::canonical(place_.scratch, error);
    if (!error) place_.root = fs::canonical(place_.root, error);
    if (error) return failed(error.value(), "find", place_.scratch);
    if (is_mounted(TRY(read_mount_table()), place_.scratch)) return {};
    return bind(place_.scratch, place_.scratch);
}

Result<std::vector<Mount>> SystemView::ours(const std::string& folder) const {
    auto table = TRY(read_mount_table());
    std::erase_if(table, [&](const Mount& mount) {
        return mount.at != target(folder) || mount.type != "overlay" ||
               !mount.source.starts_with(kSource);
    });
    return table;
}

Result<fs::path> SystemView::hold_base() {
    TRY(open_scratch());
    auto base = place_.scratch / "base";
    const auto table = TRY(read_mount_table());
    for (const auto& folder : place_.folders) {
        if (!is_folder(target(folder)) || is_mounted(table, base / folder)) continue;
        if (!TRY(ours(folder)).empty())
            return fail(errors::layer_not_shown, "the base below {} is not at hand any more",
                        target(folder).string());
        TRY(make_folders(base / folder));
        TRY(bind(target(folder), base / folder));
    }
    return base;
}

Result<> SystemView::check(const ViewParts& parts) const {
    for (const auto& layer : parts.layers) {
        TRY(check_files(layer, place_.folders));
        TRY(check_kept(layer, place_.folders));
        for (const auto& folder : place_.folders)
            if (is_folder(layer.root / folder) && !is_folder(parts.base / folder))
                return fail(errors::layer_outside, "{} brings {}, for which the base has no folder",
                            layer.name, folder);
    }
    return check_view(parts);
}

// The persistent files of packages, and whatever else is mounted below the folder now: the base's
// persistent files, a partition of its own.
Result<> SystemView::carry_mounts(const ViewParts& parts, const std::string& folder) const {
    for (const auto& mount : TRY(read_mount_table())) {
        if (mount.at == target(folder) || !is_inside(mount.at, target(folder))) continue;
        const auto path = mount.at.lexically_relative(place_.root);
        std::error_code error;
        const bool of_package = fs::equivalent(mount.at, parts.packages_persist / path, error);
        if (of_package || !is_seen(mount)) continue;
        const auto to = stage() / path;
        if (fs::status(mount.at, error).type() != fs::symlink_status(to, error).type())
            return fail(errors::layer_conflict, "a package hides {}, on which something is mounted",
                        mount.at.string());
        TRY(bind(mount.at, to));
    }
    for (const auto& layer : parts.layers) {
        auto paths = layer.persist;
        std::erase_if(paths, [&](const auto& path) { return !is_inside(path, folder); });
        for (const auto& cover : TRY(persistent_covers(stage(), parts.packages_persist, paths)))
            TRY(bind(cover.from, cover.over));
    }
    return {};
}

Result<std::vector<SystemView::Staged>> SystemView::build(const ViewParts& parts,
                                                          const std::string& name) {
    TRY(check(parts));
    TRY(make_folders(parts.packages_persist));
    TRY(seed_packages(parts));
    drop_stage();  // what a process that was killed has left
    std::vector<Staged> result;
    for (const auto& folder : place_.folders) {
        if (!is_folder(parts.base / folder)) continue;
        std::vector<fs::path> lower;
        for (const auto& layer : parts.layers)
            if (is_folder(layer.root / folder)) lower.insert(lower.begin(), layer.root / folder);
        if (lower.empty()) {
            result.push_back({.folder = folder, .view = {}});
            continue;
        }
        lower.push_back(parts.base / folder);
        // Not nosuid: the base's own programs are seen through it.
        TRY(mount_overlay(source_of(name), lower, stage() / folder, MS_NODEV));
        TRY(carry_mounts(parts, folder));
        result.push_back({.folder = folder, .view = stage() / folder});
    }
    return result;
}

Result<> SystemView::try_out(const ViewParts& parts, const std::string& name) {
    TRY(open_scratch());
    const auto built = build(parts, name);
    drop_stage();
    if (!built) return std::unexpected(built.error());
    return {};
}

Result<> SystemView::put(const Staged& staged, const ViewParts& parts) {
    const auto at = target(staged.folder);
    const auto shown = TRY(ours(staged.folder));
    auto view = staged.view;
    if (view.empty()) {
        if (shown.empty()) return {};
        if (shown.size() == 1) {
            if (::umount2(at.c_str(), MNT_DETACH) != 0) return failed(errno, "uncover", at);
            return {};
        }
        // Uncovering one after the other would show what was long ago.
        const auto empty = place_.scratch / "empty";
        TRY(make_folders(empty));
        view = stage() / staged.folder;
        TRY(mount_overlay(source_of("base"), {empty, parts.base / staged.folder}, view, MS_NODEV));
        TRY(carry_mounts(parts, staged.folder));
    }
    if (!shown.empty() && move_beneath(view, at)) {
        if (::umount2(at.c_str(), MNT_DETACH) != 0) return failed(errno, "uncover", at);
        return {};
    }
    if (shown.size() >= kMaxStacked)
        return fail(errors::layer_too_many_switches, "{} views are mounted over {}", shown.size(),
                    at.string());
    if (::mount(view.c_str(), at.c_str(), nullptr, MS_MOVE, nullptr) != 0)
        return failed(errno, "show the view at", at);
    return {};
}

Result<> SystemView::show(const ViewParts& parts, const std::string& name) {
    TRY(open_scratch());
    const auto built = build(parts, name);
    auto done = [&]() -> Result<> {
        if (!built) return std::unexpected(built.error());
        for (const auto& staged : *built) {
            fault_point("layer.switch");
            TRY(put(staged, parts));
            fault_point("layer.switched");
        }
        return {};
    }();
    drop_stage();
    return done;
}

Result<> SystemView::uncover() {
    for (const auto& folder : place_.folders)
        for (auto left = TRY(ours(folder)).size(); left > 0; --left)
            if (::umount2(target(folder).c_str(), MNT_DETACH) != 0)
                return failed(errno, "uncover", target(folder));
    return {};
}

// Only mounts, and never files: below them is what is shown.
void SystemView::drop_stage() const {
    auto table = read_mount_table();
    if (!table) return;
    for (auto mount = table->rbegin(); mount != table->rend(); ++mount)
        if (is_inside(mount->at, stage())) ::umount2(mount->at.c_str(), MNT_DETACH);
}

}  // namespace cutover
