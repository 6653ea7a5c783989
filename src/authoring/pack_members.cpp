#include "authoring/pack_members.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include <fmt/core.h>

#include "authoring/errors.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/package_spec.h"
#include "package/file_source.h"
#include "package/package_reader.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

constexpr auto kReadable =
    fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read | fs::perms::others_read;

Result<IncludedPackage> describe(const fs::path& file) {
    auto source = TRY(FileSource::open(file));
    auto reader = TRY(PackageReader::open_unverified(source), "{}", file.string());
    const auto& manifest = reader.manifest();
    if (manifest.kind == PackageKind::pack)
        return fail(errors::authoring_member, "{} is itself an update pack", file.string());
    if (reader.signature().empty())
        return fail(errors::authoring_member, "{} is not signed", file.string());
    return IncludedPackage{.kind = manifest.kind,
                           .name = manifest.name,
                           .version = manifest.version,
                           .digest = to_hex(reader.manifest_digest())};
}

}  // namespace

Result<TempFolder> gather_members(PackageSpec& spec, const fs::path& folder) {
    auto gathered = TRY(TempFolder::create(fs::temp_directory_path(), "cutover-pack"));
    auto& manifest = spec.manifest;
    for (const auto& member : spec.pack_members) {
        const auto file = folder / member;
        auto included = TRY(describe(file), "member {}", member);
        const auto name = fmt::format("{}-{}{}", included.name, included.version.text(),
                                      file_suffix(included.kind));
        std::error_code error;
        fs::copy_file(file, gathered.path() / name, error);
        if (error)
            return fail(errors::authoring_member, "{} cannot be copied to {}: {}", file.string(),
                        (gathered.path() / name).string(), error.message());
        fs::permissions(gathered.path() / name, kReadable, error);
        manifest.includes.push_back(std::move(included));
    }
    std::ranges::sort(manifest.includes, {}, [](const IncludedPackage& member) {
        return std::tuple(member.kind, member.name);
    });
    manifest.payload.type = PayloadType::tree;
    spec.payload_path = gathered.path().string();
    spec.keep_owners = false;
    return gathered;
}

}  // namespace cutover
