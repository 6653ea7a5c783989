#include "store/config_tables.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/configuration.h"
#include "store/database.h"
#include "store/errors.h"

namespace cutover {
namespace {

// As for the store's own: an agent before this one must still be able to use them. Those that begin
// with config_ are what a backup brings back (backup.cpp); what modules say comes with packages.
constexpr std::array kTables{
    "CREATE TABLE IF NOT EXISTS yang_texts(digest TEXT PRIMARY KEY, text TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS yang_schemas(schema TEXT NOT NULL, module TEXT NOT NULL, "
    "PRIMARY KEY(schema, module)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS config_revisions(id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "schema TEXT NOT NULL, made_from INTEGER NOT NULL, made INTEGER NOT NULL, by TEXT NOT NULL, "
    "comment TEXT NOT NULL, data TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS config_pointers(schema TEXT PRIMARY KEY, running INTEGER NOT NULL, "
    "startup INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS config_origins(schema TEXT PRIMARY KEY, first INTEGER NOT NULL, "
    "from_schema TEXT NOT NULL, from_revision INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS config_candidates(session TEXT PRIMARY KEY, schema TEXT NOT NULL, "
    "made_from INTEGER NOT NULL, touched INTEGER NOT NULL, problem TEXT NOT NULL, "
    "data TEXT NOT NULL)",
    // One row at most of each.
    "CREATE TABLE IF NOT EXISTS config_trial(one INTEGER PRIMARY KEY CHECK(one = 1), "
    "revision INTEGER NOT NULL, back_to INTEGER NOT NULL, deadline INTEGER NOT NULL, "
    "by TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS config_use(one INTEGER PRIMARY KEY CHECK(one = 1), "
    "schema TEXT NOT NULL, boot TEXT NOT NULL)",
};

std::int64_t number(const SqlValue& value) {
    const auto* found = std::get_if<std::int64_t>(&value);
    return found ? *found : 0;
}
std::string text_of(const SqlValue& value) {
    const auto* found = std::get_if<std::string>(&value);
    return found ? *found : std::string();
}
std::int64_t count(WallTime time) { return time.time_since_epoch().count(); }
WallTime wall(const SqlValue& value) { return WallTime(std::chrono::milliseconds(number(value))); }

// id, made_from, made, by, comment
ConfigRevision revision_of(const SqlRow& row) {
    return {.id = number(row[0]),
            .made_from = number(row[1]),
            .made = wall(row[2]),
            .by = text_of(row[3]),
            .comment = text_of(row[4])};
}

// session, made_from, touched, problem, schema
ConfigTables::Candidate candidate_of(const SqlRow& row) {
    return {.about = {.session = text_of(row[0]),
                      .made_from = number(row[1]),
                      .touched = wall(row[2]),
                      .problem = text_of(row[3])},
            .schema = text_of(row[4]),
            .data = {}};
}

}  // namespace

Result<ConfigTables> ConfigTables::open(const std::filesystem::path& database) {
    auto opened = TRY(Database::open(database));
    TRY(prepare(opened));
    return ConfigTables(std::move(opened));
}

Result<> ConfigTables::prepare(Database& database) {
    for (const auto* table : kTables) TRY(database.query(table));
    return {};
}

Result<> ConfigTables::forget_data(Database& database) {
    TRY(prepare(database));
    for (const auto* table : {"DELETE FROM config_revisions", "DELETE FROM config_pointers",
                              "DELETE FROM config_origins", "DELETE FROM config_candidates",
                              "DELETE FROM config_trial", "DELETE FROM config_use"})
        TRY(database.query(table));
    return {};
}

Result<> ConfigTables::put_text(std::string_view digest, std::string_view text) {
    TRY(database_.query("INSERT OR IGNORE INTO yang_texts VALUES(?, ?)",
                        {std::string(digest), std::string(text)}));
    return {};
}

Result<std::optional<std::string>> ConfigTables::text(std::string_view digest) {
    const auto rows =
        TRY(database_.query("SELECT text FROM yang_texts WHERE digest = ?", {std::string(digest)}));
    if (rows.empty()) return std::optional<std::string>();
    return std::optional(text_of(rows[0][0]));
}

Result<> ConfigTables::forget_old_schemas(std::string_view schema, int count, int texts) {
    TRY(
        database_.query("DELETE FROM config_pointers WHERE schema <> ? AND schema NOT IN "
                        "(SELECT schema FROM config_pointers ORDER BY MAX(running, startup) DESC "
                        "LIMIT ?)",
                        {std::string(schema), std::int64_t{count}}));
    TRY(
        database_.query("DELETE FROM config_origins WHERE schema NOT IN "
                        "(SELECT schema FROM config_pointers)"));
    TRY(
        database_.query("DELETE FROM yang_schemas WHERE schema NOT IN "
                        "(SELECT schema FROM config_pointers)"));
    TRY(
        database_.query("DELETE FROM yang_texts WHERE digest NOT IN "
                        "(SELECT module FROM yang_schemas) AND rowid NOT IN "
                        "(SELECT rowid FROM yang_texts ORDER BY rowid DESC LIMIT ?)",
                        {std::int64_t{texts}}));
    return {};
}

Result<> ConfigTables::put_schema(std::string_view schema,
                                  const std::vector<std::string>& modules) {
    for (const auto& module : modules)
        TRY(database_.query("INSERT OR IGNORE INTO yang_schemas VALUES(?, ?)",
                            {std::string(schema), module}));
    return {};
}

Result<std::vector<std::string>> ConfigTables::modules_of(std::string_view schema) {
    std::vector<std::string> result;
    for (const auto& row :
         TRY(database_.query("SELECT module FROM yang_schemas WHERE schema = ? ORDER BY module",
                             {std::string(schema)})))
        result.push_back(text_of(row[0]));
    return result;
}

Result<ConfigRevisionId> ConfigTables::add_revision(const Revision& revision) {
    const auto& about = revision.about;
    const auto rows = TRY(
        database_.query("INSERT INTO config_revisions(schema, made_from, made, by, comment, data) "
                        "VALUES(?, ?, ?, ?, ?, ?) RETURNING id",
                        {revision.schema, about.made_from, count(about.made), about.by,
                         about.comment, revision.data}));
    if (rows.empty()) return fail(errors::store_failed, "the database gave a revision no number");
    return number(rows[0][0]);
}

Result<std::optional<ConfigTables::Revision>> ConfigTables::revision(ConfigRevisionId id) {
    const auto rows =
        TRY(database_.query("SELECT id, made_from, made, by, comment, schema, data "
                            "FROM config_revisions WHERE id = ?",
                            {id}));
    if (rows.empty()) return std::optional<Revision>();
    const auto& row = rows[0];
    return std::optional(
        Revision{.about = revision_of(row), .schema = text_of(row[5]), .data = text_of(row[6])});
}

Result<std::vector<ConfigRevision>> ConfigTables::revisions(std::string_view schema,
                                                            int max_count) {
    std::vector<ConfigRevision> result;
    for (const auto& row :
         TRY(database_.query("SELECT id, made_from, made, by, comment FROM config_revisions "
                             "WHERE schema = ? ORDER BY id DESC LIMIT ?",
                             {std::string(schema), std::int64_t{max_count}})))
        result.push_back(revision_of(row));
    return result;
}

Result<> ConfigTables::forget_old_revisions(int count) {
    TRY(
        database_.query("DELETE FROM config_revisions WHERE id NOT IN "
                        "(SELECT id FROM config_revisions ORDER BY id DESC LIMIT ?) AND id NOT IN "
                        "(SELECT running FROM config_pointers UNION "
                        "SELECT startup FROM config_pointers UNION "
                        "SELECT first FROM config_origins UNION "
                        "SELECT from_revision FROM config_origins UNION "
                        "SELECT made_from FROM config_candidates UNION "
                        "SELECT back_to FROM config_trial)",
                        {std::int64_t{count}}));
    return {};
}

Result<ConfigTables::Pointers> ConfigTables::pointers(std::string_view schema) {
    const auto rows = TRY(database_.query(
        "SELECT running, startup FROM config_pointers WHERE schema = ?", {std::string(schema)}));
    if (rows.empty()) return Pointers{};
    return Pointers{.running = number(rows[0][0]), .startup = number(rows[0][1])};
}

Result<> ConfigTables::set_pointers(std::string_view schema, const Pointers& pointers) {
    TRY(database_.query("INSERT OR REPLACE INTO config_pointers VALUES(?, ?, ?)",
                        {std::string(schema), pointers.running, pointers.startup}));
    return {};
}

Result<std::optional<ConfigTables::Origin>> ConfigTables::origin(std::string_view schema) {
    const auto rows = TRY(database_.query(
        "SELECT first, from_schema, from_revision FROM config_origins WHERE schema = ?",
        {std::string(schema)}));
    if (rows.empty()) return std::optional<Origin>();
    const auto& row = rows[0];
    return std::optional(
        Origin{.first = number(row[0]), .from_schema = text_of(row[1]), .from = number(row[2])});
}

Result<> ConfigTables::set_origin(std::string_view schema, const Origin& origin) {
    TRY(database_.query("INSERT OR REPLACE INTO config_origins VALUES(?, ?, ?, ?)",
                        {std::string(schema), origin.first, origin.from_schema, origin.from}));
    return {};
}

Result<> ConfigTables::put_candidate(const Candidate& candidate) {
    const auto& about = candidate.about;
    TRY(database_.query("INSERT OR REPLACE INTO config_candidates VALUES(?, ?, ?, ?, ?, ?)",
                        {about.session, candidate.schema, about.made_from, count(about.touched),
                         about.problem, candidate.data}));
    return {};
}

Result<std::optional<ConfigTables::Candidate>> ConfigTables::candidate(std::string_view session) {
    const auto rows = TRY(database_.query(
        "SELECT session, made_from, touched, problem, schema, data FROM config_candidates "
        "WHERE session = ?",
        {std::string(session)}));
    if (rows.empty()) return std::optional<Candidate>();
    auto found = candidate_of(rows[0]);
    found.data = text_of(rows[0][5]);
    return std::optional(std::move(found));
}

Result<std::vector<ConfigTables::Candidate>> ConfigTables::candidates() {
    std::vector<Candidate> result;
    for (const auto& row : TRY(database_.query(
             "SELECT session, made_from, touched, problem, schema FROM config_candidates "
             "ORDER BY session")))
        result.push_back(candidate_of(row));
    return result;
}

Result<> ConfigTables::forget_candidate(std::string_view session) {
    TRY(database_.query("DELETE FROM config_candidates WHERE session = ?", {std::string(session)}));
    return {};
}

Result<std::optional<ConfigTrial>> ConfigTables::trial() {
    const auto rows =
        TRY(database_.query("SELECT revision, back_to, deadline, by FROM config_trial"));
    if (rows.empty()) return std::optional<ConfigTrial>();
    const auto& row = rows[0];
    return std::optional(ConfigTrial{.revision = number(row[0]),
                                     .back_to = number(row[1]),
                                     .deadline = wall(row[2]),
                                     .by = text_of(row[3])});
}

Result<> ConfigTables::set_trial(const std::optional<ConfigTrial>& trial) {
    TRY(database_.query("DELETE FROM config_trial"));
    if (!trial) return {};
    TRY(database_.query("INSERT INTO config_trial VALUES(1, ?, ?, ?, ?)",
                        {trial->revision, trial->back_to, count(trial->deadline), trial->by}));
    return {};
}

Result<ConfigTables::Use> ConfigTables::use() {
    const auto rows = TRY(database_.query("SELECT schema, boot FROM config_use"));
    if (rows.empty()) return Use{};
    return Use{.schema = text_of(rows[0][0]), .boot = text_of(rows[0][1])};
}

Result<> ConfigTables::set_use(const Use& use) {
    TRY(database_.query("INSERT OR REPLACE INTO config_use VALUES(1, ?, ?)",
                        {use.schema, use.boot}));
    return {};
}

}  // namespace cutover
