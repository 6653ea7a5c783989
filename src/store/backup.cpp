// What a restore takes from the database of a backup: the configuration, and nothing else. Marks,
// generations, slots, the journal, events and alarms are of what the device really is.

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/error.h"
#include "store/database.h"
#include "store/errors.h"
#include "store/store.h"

namespace cutover {
namespace {

constexpr std::string_view kConfigurationTables = "config_";

std::string text(const SqlValue& value) {
    const auto* found = std::get_if<std::string>(&value);
    return found ? *found : std::string();
}

// Such names need no quoting, and mean nothing else.
bool is_plain(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

struct FoundTable {
    std::string name;
    std::string sql;
};

Result<std::vector<FoundTable>> configuration_tables(Database& database, std::string_view schema) {
    std::vector<FoundTable> tables;
    for (const auto& row : TRY(database.query(fmt::format(
             "SELECT name, sql FROM {}.sqlite_master WHERE type = 'table' ORDER BY name", schema))))
        if (auto name = text(row.front()); name.starts_with(kConfigurationTables) && is_plain(name))
            tables.push_back({.name = name, .sql = text(row.back())});
    return tables;
}

Result<std::set<std::string>> columns_of(Database& database, std::string_view schema,
                                         std::string_view table) {
    std::set<std::string> columns;
    for (const auto& row : TRY(database.query(
             fmt::format("SELECT name FROM pragma_table_info('{}', '{}')", table, schema))))
        if (auto name = text(row.front()); is_plain(name)) columns.insert(std::move(name));
    return columns;
}

}  // namespace

Result<> Store::attach_backup(const std::filesystem::path& file) {
    TRY(database_.query("ATTACH DATABASE ? AS backup", {file.string()}));
    const auto sound = TRY(database_.query("PRAGMA backup.quick_check(1)"));
    if (sound.empty() || text(sound.front().front()) != "ok")
        return fail(errors::store_corrupt, "the database in the backup is damaged");
    return {};
}

// There is none attached after a cut.
void Store::detach_backup() { (void)database_.query("DETACH DATABASE backup"); }

Result<> Store::restore_configuration() {
    TRY(database_.query("PRAGMA defer_foreign_keys=ON"));
    std::set<std::string> here;
    for (const auto& table : TRY(configuration_tables(database_, "main"))) {
        here.insert(table.name);
        TRY(database_.query(fmt::format("DELETE FROM main.{}", table.name)));
    }
    for (const auto& table : TRY(configuration_tables(database_, "backup"))) {
        if (!here.contains(table.name)) {
            // As it is written down by SQLite itself; on a new device nobody has made it yet.
            const auto head = fmt::format("CREATE TABLE {}", table.name);
            const auto rest =
                std::string_view(table.sql).substr(std::min(head.size(), table.sql.size()));
            if (!table.sql.starts_with(head) || !(rest.starts_with('(') || rest.starts_with(" (")))
                return fail(errors::store_corrupt, "the table {} of the backup cannot be made",
                            table.name);
            TRY(database_.query(table.sql));
        }
        const auto theirs = TRY(columns_of(database_, "backup", table.name));
        std::vector<std::string> both;
        for (const auto& column : TRY(columns_of(database_, "main", table.name)))
            if (theirs.contains(column)) both.push_back(column);
        if (both.empty()) continue;
        const auto columns = fmt::format("{}", fmt::join(both, ", "));
        TRY(database_.query(fmt::format("INSERT INTO main.{0} ({1}) SELECT {1} FROM backup.{0}",
                                        table.name, columns)));
    }
    return {};
}

}  // namespace cutover
