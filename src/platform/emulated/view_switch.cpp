#include "platform/emulated/view_switch.h"

#include <cerrno>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <unistd.h>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

Result<std::set<std::string>> names_in(const fs::path& folder) {
    std::set<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error))
        names.insert(entry->path().filename().string());
    if (error)
        return std::unexpected(errno_error(error.value(), fmt::format("list {}", folder.string())));
    return names;
}

fs::path target_of(const std::string& name) { return fs::path("../current") / name; }

bool is_ours(const fs::path& root, const std::string& name) {
    std::error_code error;
    return fs::read_symlink(root / name, error) == target_of(name) && !error;
}

// A new link takes the place of whatever is there.
Result<> put_link(const fs::path& target, const fs::path& at) {
    auto beside = at.parent_path() / ("." + at.filename().string() + ".cutover-new");
    TRY(remove_tree(beside));
    if (::symlink(target.c_str(), beside.c_str()) != 0)
        return std::unexpected(errno_error(errno, fmt::format("link {}", beside.string())));
    std::error_code error;
    if (fs::is_directory(fs::symlink_status(at, error))) TRY(remove_tree(at));
    if (std::rename(beside.c_str(), at.c_str()) != 0)
        return std::unexpected(errno_error(errno, fmt::format("rename to {}", at.string())));
    return {};
}

}  // namespace

Result<> ViewSwitch::reset() {
    TRY(remove_tree(current()));
    TRY(remove_tree(root()));
    return make_folders(root());
}

Result<> ViewSwitch::show(const fs::path& view) {
    const auto wanted = TRY(names_in(view));
    for (const auto& name : wanted)
        if (!is_ours(root(), name)) TRY(put_link(target_of(name), root() / name));
    fault_point("layer.switch");
    TRY(put_link(view.lexically_relative(run_), current()));
    fault_point("layer.switched");
    for (const auto& name : TRY(names_in(root())))
        if (!wanted.contains(name) && is_ours(root(), name)) TRY(remove_tree(root() / name));
    return {};
}

}  // namespace cutover
