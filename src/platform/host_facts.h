#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "model/version.h"

// What the operating system in `root` ("/" but in tests) is and has. Only files are read: nothing
// is run.
namespace cutover {

struct OperatingSystem {
    std::string id;         // ID of etc/os-release, else of usr/lib/os-release: "debian"
    std::string version;    // VERSION_ID: "12"; empty where there is none
    std::string full_name;  // PRETTY_NAME
};
std::optional<OperatingSystem> operating_system(const std::filesystem::path& root);

std::string kernel_release();  // of this machine: "6.1.0-18-amd64"

struct FoundLibrary {
    std::filesystem::path file;      // the name it was found by
    std::optional<Version> version;  // where it can be told
};
// Looked for where the dynamic loader does: in the folders of etc/ld.so.conf and of what that
// includes, then in lib, usr/lib, lib64 and usr/lib64. The version is, in this order, what the
// name of the real file says beyond the soname (libz.so.1.2.13), what Debian's package manager
// knows of the package that the file belongs to, and of libc.so.6 what it says itself.
std::optional<FoundLibrary> find_library(const std::filesystem::path& root,
                                         std::string_view soname);

// The numbers that a version of somebody else begins with: "6.1.0" of "6.1.0-18-amd64", "2.38.1" of
// "1:2.38.1-5+deb12u3", "22.4" of "22.04".
std::optional<Version> leading_version(std::string_view text);

}  // namespace cutover
