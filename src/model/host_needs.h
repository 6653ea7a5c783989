#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/version.h"

namespace cutover {

// [host] of a package: what it needs of the machine that its instance runs on, besides its own
// files. Asked before anything is changed.
struct HostNeeds {
    std::map<std::string, VersionRange> os;  // ID of os-release: VERSION_ID; any one of them
    VersionRange kernel;
    std::map<std::string, VersionRange> libraries;  // soname: version
    std::vector<std::string> keys;                  // names of keys in the device's keyring
    std::vector<std::string> algorithms;            // as OpenSSL names them
    bool operator==(const HostNeeds&) const = default;

    bool none() const {
        return os.empty() && kernel.text().empty() && libraries.empty() && keys.empty() &&
               algorithms.empty();
    }
};

Result<> validate(const HostNeeds& needs);

// Of a key: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a digit.
bool is_key_name(std::string_view name);

}  // namespace cutover
