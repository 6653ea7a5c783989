#pragma once

#include <string>
#include <vector>

#include "model/manifest.h"

namespace cutover {

// A file that a package brings for configuration: a YANG module, or a migration of one's data.
struct ConfigFile {
    std::string name;    // of a migration: "<module>/<from>-to-<to>.json"
    std::string digest;  // SHA-256 of its text
    bool operator==(const ConfigFile&) const = default;
};

// A package that may be there in two major versions, and what is bound to this one.
struct ConfigSide {
    std::string line;  // "router@1"
    InstancesSpec instances;
    std::vector<std::string> modules;  // names of those that it brings, and nobody else does
    bool operator==(const ConfigSide&) const = default;
};

// What base and packages of a generation bring. Equal module digests are the same configuration:
// generations that have them share it.
struct ConfigFiles {
    std::vector<ConfigFile> modules;
    std::vector<ConfigFile> migrations;
    std::vector<ConfigFile> moves = {};  // "router@1-to-router@2.json": of instances
    std::vector<ConfigSide> sides = {};
    bool operator==(const ConfigFiles&) const = default;
};

// Of packages from the base upwards: null ones bring nothing. A module of a package takes the place
// of one that a package below brings under the same name.
ConfigFiles config_files_of(const std::vector<const Manifest*>& stack);

// Whether both have the same modules, in whatever order and under whatever names.
bool same_modules(const ConfigFiles& one, const ConfigFiles& other);

// Of a member of a package, the digest; empty when it has none of that name.
std::string member_digest(const Manifest& manifest, const std::string& member);

}  // namespace cutover
