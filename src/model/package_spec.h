#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/manifest.h"

namespace cutover {

// package.toml: what an author writes. Paths are relative to the file's folder.
struct PackageSpec {
    Manifest
        manifest;  // without created, sizes, members, hooks and configuration, which need files
    std::string payload_path;
    // Whether the files of a tree keep their owners or belong to root; by itself they keep them
    // when root builds, and nobody else's numbers mean anything.
    std::optional<bool> keep_owners;
    std::vector<std::string> pack_members;  // of a pack: paths of the package files that it carries
    std::uint32_t chunk_bytes = 0;          // average; 0: the builder's choice
    std::map<std::string, std::string> hooks;  // stage -> path of the script
    std::vector<std::string> config_modules;   // paths
    std::string config_migrations;             // path of a folder; empty: none
    bool operator==(const PackageSpec&) const = default;
};

// An unknown key is an error that names its line and the nearest known key.
Result<PackageSpec> parse_package_spec(std::string_view toml);

}  // namespace cutover
