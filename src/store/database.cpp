#include "store/database.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "base/fault.h"
#include "store/errors.h"

namespace cutover {
namespace {

constexpr int kBusyTimeoutMs = 5000;

std::unexpected<Error> failure(sqlite3* handle, std::string_view what) {
    const auto code = sqlite3_errcode(handle);
    auto error =
        make_error(errors::store_failed, fmt::format("{}: {}", what, sqlite3_errmsg(handle)));
    if (code == SQLITE_FULL) error.kind = Errc::no_space;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        error = make_error(errors::store_corrupt, error.message);
    return std::unexpected(std::move(error));
}

struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

int bind(sqlite3_stmt* statement, int index, const SqlValue& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value))
        return sqlite3_bind_int64(statement, index, *number);
    const auto& text = std::get<std::string>(value);
    return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
}

SqlValue column(sqlite3_stmt* statement, int index) {
    if (sqlite3_column_type(statement, index) == SQLITE_INTEGER)
        return std::int64_t{sqlite3_column_int64(statement, index)};
    const auto* text = sqlite3_column_text(statement, index);
    if (!text) return std::string();
    return std::string(reinterpret_cast<const char*>(text),
                       static_cast<std::size_t>(sqlite3_column_bytes(statement, index)));
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<Database> Database::open(const std::filesystem::path& file) {
    sqlite3* handle = nullptr;
    const int opened =
        sqlite3_open_v2(file.c_str(), &handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(handle);  // to be closed also when opening failed
    if (opened != SQLITE_OK) return failure(handle, fmt::format("open {}", file.string()));
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    for (const auto* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                               "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF"})
        TRY(database.query(pragma), "open {}", file.string());
    return database;
}

Result<std::vector<SqlRow>> Database::query(std::string_view sql,
                                            std::initializer_list<SqlValue> values) {
    sqlite3_stmt* prepared = nullptr;
    if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &prepared,
                           nullptr) != SQLITE_OK)
        return failure(handle_.get(), sql);
    const Statement statement(prepared);
    int index = 0;
    for (const auto& value : values)
        if (bind(prepared, ++index, value) != SQLITE_OK) return failure(handle_.get(), sql);

    std::vector<SqlRow> rows;
    for (;;) {
        const int stepped = sqlite3_step(prepared);
        if (stepped == SQLITE_DONE) return rows;
        if (stepped != SQLITE_ROW) return failure(handle_.get(), sql);
        auto& row = rows.emplace_back();
        for (int i = 0; i < sqlite3_column_count(prepared); ++i) row.push_back(column(prepared, i));
    }
}

Result<> Database::transact(const std::function<Result<>()>& body) {
    TRY(query("BEGIN IMMEDIATE"));
    auto done = body();
    if (done) {
        fault_point("store.commit");
        const auto committed = query("COMMIT");
        fault_point("store.committed");
        if (committed) return {};
        done = std::unexpected(committed.error());
    }
    // Where the commit itself failed there may be nothing left to roll back: that is no news.
    (void)query("ROLLBACK");
    return done;
}

}  // namespace cutover
