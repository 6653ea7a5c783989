#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/migration.h"
#include "config/yang_schema.h"
#include "model/configuration.h"
#include "model/manifest.h"

// Entries of a list that are bound to one major version of a package. Pure.
namespace cutover {

// Paths of those in `data` (JSON) whose binding leaf has this value, in their order.
Result<std::vector<std::string>> instances_in(const YangSchema& schema, std::string_view data,
                                              const InstancesSpec& spec);

// Both ways to quote a value in a path become the one that reports use.
std::string instance_path(std::string path);

struct InstanceMove {
    const YangSchema& schema;
    std::string_view data;  // JSON: the whole configuration
    std::string path;       // of the instance, as instances_in() tells it
    const InstancesSpec& from;
    const InstancesSpec& to;
    const Migration* migration = nullptr;  // null: nothing but the binding changes
    // Modules that only the old package brings: what is of them has no place afterwards.
    std::vector<std::string> old_modules;
    std::string to_name;  // "router@2", for messages
    std::size_t most_told = 0;
};

struct InstanceMoved {
    std::string data;  // the whole configuration, with the instance moved, and nothing else changed
    std::vector<ConfigMove> changes;
    std::vector<ConfigLoss> lost;  // not in `data` any more
    std::size_t untold = 0;
};

// Not validated. config.migration when a step cannot be done, or would write outside the instance;
// config.not_bound when there is no such instance.
Result<InstanceMoved> move_instance(const InstanceMove& move);

}  // namespace cutover
