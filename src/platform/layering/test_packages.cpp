#include "platform/layering/test_packages.h"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "model/manifest.h"
#include "model/package_kind.h"
#include "model/version.h"
#include "package/tree.h"
#include "platform/slot_package.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;

void lay_out(const fs::path& folder, const std::map<std::string, std::string>& files) {
    for (const auto& [name, content] : files) {
        const auto path = folder / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << content;
        if (name.starts_with("bin/"))
            fs::permissions(path, fs::perms::owner_exec, fs::perm_options::add);
    }
}

Manifest manifest_of(const std::string& version) {
    Manifest manifest;
    manifest.name = "nos";
    manifest.version = Version::parse(version).value();
    manifest.created = "2026-11-21T10:02:11Z";
    const std::string digest(64, '0');  // slots get bytes that were verified before
    manifest.members = {{.name = "chunks.idx", .size_bytes = 1, .sha256 = digest},
                        {.name = "payload", .size_bytes = 1, .sha256 = digest}};
    return manifest;
}

}  // namespace

SlotPackage tree_package(const std::string& version,
                         const std::map<std::string, std::string>& files) {
    const auto folder = TempFolder::create(testing::TempDir(), "tree");
    lay_out(folder->path(), files);
    SlotPackage package{.manifest = manifest_of(version), .content = {}};
    const auto packed =
        pack_tree(folder->path(), [&](std::span<const std::byte> bytes) -> Result<> {
            package.content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            return {};
        });
    EXPECT_TRUE(packed) << packed.error().text();
    package.manifest.payload = {.type = PayloadType::tree,
                                .content_bytes = package.content.size(),
                                .installed_bytes = packed->installed_bytes,
                                .chunk_count = 1};
    return package;
}

SlotPackage image_package(const std::string& version, std::string content) {
    SlotPackage package{.manifest = manifest_of(version), .content = std::move(content)};
    package.manifest.payload = {.type = PayloadType::image,
                                .content_bytes = package.content.size(),
                                .installed_bytes = package.content.size(),
                                .chunk_count = 1};
    return package;
}

std::string squashfs_image(const std::map<std::string, std::string>& files) {
    const auto folder = TempFolder::create(testing::TempDir(), "squash");
    lay_out(folder->path() / "root", files);
    const auto image = folder->path() / "image";
    const auto made = run_process({.command = {"mksquashfs", (folder->path() / "root").string(),
                                               image.string(), "-quiet", "-no-progress"}});
    if (!made || made->exit_code != 0) return {};
    return read_file(image, std::size_t{64} * 1024 * 1024).value_or("");
}

}  // namespace cutover
