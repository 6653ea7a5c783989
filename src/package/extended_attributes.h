#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cutover {

using ExtendedAttributes = std::map<std::string, std::string>;

// Those that a tree keeps: security.capability and user.*. The others belong to the machine.
bool is_kept_attribute(std::string_view name);

// Of an open file or folder; a file system without such attributes has none.
Result<ExtendedAttributes> read_attributes(int fd, const std::string& path);

// Without privileges only user.*.
Result<> write_attributes(int fd, const ExtendedAttributes& attributes, bool privileged,
                          const std::string& path);

}  // namespace cutover
