#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "config/config_document.h"
#include "config/migration.h"
#include "config/schema_view.h"
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

// How they are moved.
struct InstancesMove {
    const YangSchema& schema;
    const InstancesSpec& from;
    const InstancesSpec& to;
    const Migration* migration = nullptr;  // null: nothing but the binding changes
    // Modules that only the old package brings: what is of them has no place afterwards.
    std::vector<std::string> old_modules;
    std::string to_name;  // "router@2", for messages
    bool lose = false;    // also where data have no place in `to`
};

struct InstanceMoved {
    std::vector<ConfigMove> changes;
    std::vector<ConfigLoss> lost;
    std::size_t untold = 0;
};

// One configuration, in which any number of instances move, each in a time that grows with the
// instance alone. What `how` refers to must outlive it.
class MovingInstances {
public:
    static Result<MovingInstances> begin(const InstancesMove& how, std::string_view data);  // JSON

    // Not validated. With losses that are not to be, nothing is changed; nor by an error:
    // config.migration when a step cannot be done, or would write outside the instance;
    // config.not_bound when there is no such instance. `path` is as instances_in() tells it.
    Result<InstanceMoved> move(const std::string& path, std::size_t most_told);

    std::string data() const { return whole_.write(); }  // with what was moved, all else as it was

private:
    MovingInstances(const InstancesMove& how, ConfigDocument whole);

    const InstancesMove* how_;
    ConfigDocument whole_;
    SchemaView view_;
    std::unordered_map<std::string, ConfigDocument::NodeId> bound_;  // by path
};

}  // namespace cutover
