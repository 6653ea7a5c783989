#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/yang_schema.h"

// Configuration data when the set of modules changes: forward with migrations, and what was changed
// since back again. Pure: nothing is read or written but what is given, apart from scripts, which
// the caller runs.
namespace cutover {

// A migration that a package brings. Its file is <module>/<from>-to-<to>.json (what migration.h
// reads), or has another ending or none and is a script.
struct MigrationFile {
    std::string module;
    std::string from;  // revisions; empty: the module had none, or was not there
    std::string to;
    bool script = false;
    std::string text;
};

// Of its path below the package's folder of migrations: "net/2025-01-01-to-2026-01-01.json".
// config.migration when it has not that form.
Result<MigrationFile> migration_file(std::string_view path, std::string text);

// Gets the whole configuration as JSON and answers with it migrated.
using RunMigrationScript =
    std::function<Result<std::string>(const std::string& module, const std::string& from,
                                      const std::string& to, const std::string& json)>;

struct DataChange {
    enum class Kind : std::uint8_t { added, removed, changed, moved };
    Kind kind = Kind::changed;
    std::string path_before;  // empty for what is added
    std::string path_after;   // empty for what is removed; of `changed`, the same as before
    std::string before;       // values; empty for what has none of its own
    std::string after;
    bool operator==(const DataChange&) const = default;
};

struct LostData {
    std::string path;  // where it was
    std::string value;
    std::string why;  // "module nos-qos is gone", or libyang's reason
    bool operator==(const LostData&) const = default;
};

struct InvalidData {
    std::string path;  // empty where libyang names none
    std::string why;
    bool operator==(const InvalidData&) const = default;
};

// What was run, in this order.
struct MigrationRun {
    std::string module;
    std::string from;
    std::string to;
    bool script = false;
    std::size_t changed = 0;  // nodes; not counted for a script
    bool operator==(const MigrationRun&) const = default;
};

// Of each list of a report so many are told, and the others counted.
inline constexpr std::size_t kMaxDataTold = 10'000;
// libyang stops at each rule that is broken: the search for the next begins anew.
inline constexpr std::size_t kMaxInvalidTold = 32;

struct DataUpgradeInput {
    YangSchema from;
    std::string_view data;  // JSON; what `from` takes
    YangSchema to;
    std::vector<MigrationFile> migrations;  // all that are at hand, in any order
    RunMigrationScript run_script = {};     // without it, a script that is needed is an error
};

struct DataUpgrade {
    std::string data;  // JSON of the new schema, without what is lost; not to be used if `invalid`
    std::vector<MigrationRun> migrations;
    std::vector<DataChange> changes;  // made by the migrations, in the order of the new data
    std::vector<LostData> lost;       // whether that is right, the caller decides
    std::vector<InvalidData> invalid;
    std::size_t changes_untold = 0;
    std::size_t lost_untold = 0;
    bool invalid_untold = false;  // there may be more
    bool usable() const { return invalid.empty(); }
};

// The data of one schema as that of another. For each module whose revision differs, the chain of
// migrations from one to the other is run; modules follow each other by name. Without any migration
// near these revisions the data stay as they are, as RFC 7950 (section 11) promises of revisions.
// config.migration: a chain that is broken, goes in a circle or is not the only one, and a step or
// script that fails. config.unreadable: data that are no JSON.
Result<DataUpgrade> upgrade_data(const DataUpgradeInput& input);

struct CarryBackInput {
    YangSchema old_schema;
    std::string_view old_then;  // JSON; when the upgrade was made
    YangSchema new_schema;
    std::string_view new_then;  // what upgrade_data() made of it
    std::string_view new_now;
    std::vector<MigrationFile> migrations;
    RunMigrationScript run_script = {};
};

struct NotCarried {
    DataChange change;  // in the new data
    std::string why;
    bool operator==(const NotCarried&) const = default;
};

struct CarriedBack {
    std::string data;                 // JSON of the old schema; not to be used if `invalid`
    std::vector<DataChange> carried;  // in the old data
    std::vector<NotCarried> not_carried;
    std::vector<InvalidData> invalid;
    std::size_t carried_untold = 0;
    std::size_t not_carried_untold = 0;
    bool invalid_untold = false;
    bool usable() const { return invalid.empty(); }
};

// The old data with what was changed in the new ones since, where migrations lead back: those from
// the newer revision to the older, or the others in reverse.
Result<CarriedBack> carry_back(const CarryBackInput& input);

}  // namespace cutover
