#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "config/data_upgrade.h"

namespace cutover {

struct ChainLink {
    const MigrationFile* file = nullptr;
    bool reversed = false;
};

// The migrations that take a module's data from one revision to another, one after the other; empty
// when none is near. Files that lead there come first; only where they do not, others are taken in
// reverse. config.migration when there is no single chain.
Result<std::vector<ChainLink>> find_chain(const std::vector<MigrationFile>& files,
                                          const std::string& module, const std::string& from,
                                          const std::string& to);

}  // namespace cutover
