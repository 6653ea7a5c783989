// The files of packages on top, as they came: what a backup needs to bring them to another device.
// A copy that cannot be made or kept is a pity, and no reason to give an operation up.

#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "backup/backup_folder.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "engine/engine.h"
#include "engine/package_source.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr auto kUnfinished = ".unfinished";

}  // namespace

fs::path Engine::kept_file(const std::string& digest) const {
    return ports_.folder / kPackageFiles / digest;
}

// Where the copy of what is about to be read goes; empty where none is kept.
fs::path Engine::copy_to_begin() {
    if (!ports_.config.backup.packages) return {};
    const auto folder = ports_.folder / kPackageFiles;
    auto ready = make_folders(folder);
    if (ready) ready = remove_tree(folder / kUnfinished);
    if (ready) return folder / kUnfinished;
    ports_.log.warning("packages are not kept for backups", {{"error", ready.error().text()}});
    return {};
}

void Engine::keep_copy(OpenedPackage& package) {
    if (!ports_.config.backup.packages) return;
    const auto file = kept_file(package.digest());
    std::error_code ignored;
    if (fs::exists(file, ignored)) return;
    auto kept = package.end_copy();
    fault_point("package.copied");
    if (kept) kept = rename_durably(file.parent_path() / kUnfinished, file);
    fault_point("package.kept");
    if (!kept && kept.error().kind != Errc::unsupported)
        ports_.log.warning("a package is not kept for backups",
                           {{"package", package.manifest().name}, {"error", kept.error().text()}});
}

// Of packages that are gone, and what a cut has left.
void Engine::forget_package_files(const std::set<std::string>& needed) {
    std::error_code error;
    std::vector<fs::path> gone;
    for (fs::directory_iterator entry(ports_.folder / kPackageFiles, error), end;
         !error && entry != end; entry.increment(error))
        if (!needed.contains(entry->path().filename().string())) gone.push_back(entry->path());
    for (const auto& file : gone)
        if (const auto removed = remove_tree(file); !removed)
            ports_.log.warning("a package's file cannot be removed",
                               {{"error", removed.error().text()}});
}

}  // namespace cutover
