#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "config/config_document.h"

namespace cutover {

// A path through configuration: names from the top, each with its module ("net:port"). It goes
// through all entries of the lists on its way.
using ConfigPath = std::vector<std::string>;

struct RenameStep {  // the node keeps its place and its content
    ConfigPath from;
    std::string to;
};
struct MoveStep {  // up or down within what both paths have in common
    ConfigPath from;
    ConfigPath to;
};
struct DefaultStep {  // where it is not set
    ConfigPath at;
    std::string value;  // JSON: "\"auto\"", "5", "{}"
};
struct DropStep {  // where it has this value: a default step the other way round
    ConfigPath at;
    std::string value;
};
struct MapStep {  // other values stay as they are
    struct Value {
        std::string text;
        bool quoted = true;  // in JSON; does not matter for what is looked for
    };
    ConfigPath at;
    std::vector<std::pair<Value, Value>> values = {};
    // In reverse: those that several values became. They are removed, and told.
    std::vector<std::string> ambiguous = {};
};
struct SplitStep {  // "192.0.2.1/24" at "/"; what has no separator becomes the first
    ConfigPath from;
    std::string separator;
    std::vector<std::string> into;  // beside it
};
struct MergeStep {  // of what is there, in this order
    ConfigPath at;  // their parent; empty: the top
    std::vector<std::string> from;
    std::string separator;
    std::string into;
};
struct RemoveStep {
    ConfigPath at;
};
using MigrationStep = std::variant<RenameStep, MoveStep, DefaultStep, DropStep, MapStep, SplitStep,
                                   MergeStep, RemoveStep>;

// What takes configuration from one revision of a module to another.
struct Migration {
    enum class Reverse : std::uint8_t { automatic, listed, none };

    std::string module;  // empty: of instances, from one package ("router@1") to another
    std::string from;    // revisions: "2025-01-01"; empty: none
    std::string to;
    std::vector<MigrationStep> steps;
    Reverse reverse = Reverse::automatic;
    std::vector<MigrationStep> reverse_steps;  // of `listed`
};

// The JSON file <module>/<from>-to-<to>.json of a package; config.migration names the step.
Result<Migration> parse_migration(std::string_view json);

// The way back: the file's own, or each step the other way round, the last first. What `remove`
// took does not come back. config.migration when the file says that there is none.
Result<Migration> reversed(const Migration& migration);

struct MigrationResult {
    struct Dropped {
        ConfigDocument::NodeId origin = 0;
        std::string why;
    };
    std::size_t changed = 0;       // nodes that a step made, moved or removed
    std::vector<Dropped> dropped;  // what a map in reverse did not know to turn back
    // Origins of what is no node any more and yet not lost: parts that were merged, and values that
    // go without saying.
    std::vector<ConfigDocument::NodeId> absorbed;
};

// Changes `data` in place, in time that grows with its size. config.migration when a step cannot be
// done: what it would write to is there already. The data are of no use then.
Result<MigrationResult> migrate(const Migration& migration, ConfigDocument& data);

// "/net:net/port/speed": modules only where they change.
std::string to_string(const ConfigPath& path);

}  // namespace cutover
