#include "model/config_files.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/manifest.h"
#include "model/side_by_side.h"

namespace cutover {
namespace {

// "nos" of "hooks/yang/nos@2025-01-01.yang".
std::string_view module_name(std::string_view member) {
    member.remove_prefix(member.find_last_of('/') + 1);
    return member.substr(0, member.find_first_of("@."));
}

std::set<std::string> digests_of(const std::vector<ConfigFile>& files) {
    std::set<std::string> result;
    for (const auto& file : files) result.insert(file.digest);
    return result;
}

void put(std::vector<ConfigFile>& files, ConfigFile file) {
    const auto below = std::ranges::find_if(files, [&](const ConfigFile& known) {
        return module_name(known.name) == module_name(file.name);
    });
    if (below == files.end())
        files.push_back(std::move(file));
    else
        *below = std::move(file);
}

bool brings(const Manifest& manifest, std::string_view module) {
    return std::ranges::any_of(manifest.config_modules, [&](const std::string& member) {
        return module_name(member) == module;
    });
}

ConfigSide side_of(const Manifest& manifest, const std::vector<const Manifest*>& stack) {
    ConfigSide side{.line = line_of(manifest), .instances = manifest.instances, .modules = {}};
    if (side.instances.value.empty()) side.instances.value = side.line;
    for (const auto& member : manifest.config_modules) {
        const auto module = module_name(member);
        const bool shared = std::ranges::any_of(stack, [&](const Manifest* other) {
            return other != nullptr && other != &manifest && brings(*other, module);
        });
        if (!shared) side.modules.emplace_back(module);
    }
    return side;
}

// Those of instances lie in a folder that is no module's: they are between packages.
void add_migration(const MemberSpec& member, std::size_t folder, ConfigFiles& files) {
    constexpr std::string_view kMoves = "instances/";
    ConfigFile file{.name = member.name.substr(folder), .digest = member.sha256};
    const bool moves = file.name.starts_with(kMoves) && file.name.contains('@');
    if (moves) file.name.erase(0, kMoves.size());
    (moves ? files.moves : files.migrations).push_back(std::move(file));
}

}  // namespace

std::string member_digest(const Manifest& manifest, const std::string& member) {
    const auto found = std::ranges::find(manifest.members, member, &MemberSpec::name);
    return found == manifest.members.end() ? "" : found->sha256;
}

ConfigFiles config_files_of(const std::vector<const Manifest*>& stack) {
    ConfigFiles files;
    for (const auto* const manifest : stack) {
        if (manifest == nullptr) continue;
        for (const auto& module : manifest->config_modules)
            put(files.modules, {.name = module, .digest = member_digest(*manifest, module)});
        if (!manifest->instances.path.empty()) files.sides.push_back(side_of(*manifest, stack));
        if (manifest->config_migrations.empty()) continue;
        const auto folder = manifest->config_migrations + "/";
        for (const auto& member : manifest->members)
            if (member.name.starts_with(folder)) add_migration(member, folder.size(), files);
    }
    return files;
}

bool same_modules(const ConfigFiles& one, const ConfigFiles& other) {
    return digests_of(one.modules) == digests_of(other.modules);
}

}  // namespace cutover
