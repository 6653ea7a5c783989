#include "platform/emulated/release_folders.h"

#include <expected>
#include <filesystem>
#include <string>
#include <system_error>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "model/manifest.h"
#include "model/slot.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr auto kAll = "releases";
constexpr auto kCurrent = "current";

// Beside it under a hidden name first, then by rename(2).
Result<> replace_link(const fs::path& link, const fs::path& target) {
    std::error_code error;
    if (fs::read_symlink(link, error) == target && !error) return {};
    const auto fresh = link.parent_path() / fmt::format(".new-{}", link.filename().string());
    TRY(remove_tree(fresh));
    fs::create_symlink(target, fresh, error);
    if (error)
        return std::unexpected(errno_error(error.value(), fmt::format("link {}", fresh.string())));
    fault_point("slot.link");
    TRY(rename_durably(fresh, link));
    fault_point("slot.linked");
    return {};
}

}  // namespace

// Empty where there is none, or one that nobody here made.
std::string ReleaseFolders::name_in(Slot slot) const {
    std::error_code error;
    const auto target = fs::read_symlink(link(slot), error);
    if (error) return {};
    auto name = target.filename().string();
    const bool ours = target == fs::path("..") / kAll / name && !name.starts_with('.');
    return ours ? name : std::string();
}

fs::path ReleaseFolders::folder(Slot slot) const {
    const auto name = name_in(slot);
    return all() / (name.empty() ? fmt::format(".none-{}", to_string(slot)) : name);
}

Result<> ReleaseFolders::assign(Slot slot, const Manifest& manifest) const {
    auto name = fmt::format("{}-{}", manifest.name, manifest.version.text());
    // No version has this sign.
    if (name_in(other(slot)) == name) name += fmt::format("@{}", to_string(slot));
    TRY(make_folders(all()));
    TRY(make_folders(device_ / "slots"));
    TRY(replace_link(link(slot), fs::path("..") / kAll / name));
    return remove_tree(all() / name);  // what is nobody's, of a link that was lost
}

Result<> ReleaseFolders::forget(Slot slot) const {
    std::error_code error;
    if (!fs::is_symlink(link(slot), error)) return {};
    TRY(remove_tree(link(slot)));
    return sync_folder(device_ / "slots");
}

Result<> ReleaseFolders::show(Slot slot) const {
    const auto name = name_in(slot);
    const auto current = device_ / kCurrent;
    if (!name.empty()) return replace_link(current, fs::path(kAll) / name / "root");
    TRY(remove_tree(current));
    return sync_folder(device_);
}

}  // namespace cutover
