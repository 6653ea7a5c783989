#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

struct sqlite3;

namespace cutover {

using SqlValue = std::variant<std::int64_t, std::string>;
using SqlRow = std::vector<SqlValue>;

// A SQLite database: write-ahead log, every transaction synced (synchronous=FULL). One thread.
class Database {
public:
    static Result<Database> open(const std::filesystem::path& file);

    // Runs one statement with `values` bound in order; returns its rows (NULL reads as "").
    Result<std::vector<SqlRow>> query(std::string_view sql,
                                      std::initializer_list<SqlValue> values = {});

    // All or nothing, durable when this returns. An error of `body` or of the commit rolls back.
    Result<> transact(const std::function<Result<>()>& body);

private:
    struct Close {
        void operator()(sqlite3* handle) const;
    };
    explicit Database(sqlite3* handle) : handle_(handle) {}

    std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace cutover
