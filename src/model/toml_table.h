#pragma once

// Reading TOML that people write: every key is known or an error, and every error names its line.
// For model/'s own files only, because it shows the TOML library.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <vector>

#include "base/error.h"

namespace cutover {

struct TomlErrors {
    const ErrorInfo* unknown_key;
    const ErrorInfo* bad_value;
};

Result<toml::table> parse_toml(std::string_view text, const ErrorInfo& syntax_error);

// Reads the keys of one table. The first error is kept and makes the later calls do nothing, so
// that the reading of a table is a plain list of its keys; done() tells it, or the first key that
// nobody asked for.
class TomlTable {
public:
    struct Range {
        std::int64_t least = 0;
        std::int64_t most = std::numeric_limits<std::int32_t>::max();
    };

    // `table` may be null: every key is then absent.
    TomlTable(const toml::table* table, std::string name, const TomlErrors& errors);

    // Each leaves the value alone where the key is absent.
    void text(std::string_view key, std::string& value);
    void flag(std::string_view key, bool& value);
    template <typename Number>
    void number(std::string_view key, Number& value, Range range) {
        if (const auto read = integer(key, range)) value = static_cast<Number>(*read);
    }
    void duration(std::string_view key, std::chrono::milliseconds& value,
                  std::chrono::milliseconds least);
    void texts(std::string_view key, std::vector<std::string>& value);
    void commands(std::string_view key, std::vector<std::vector<std::string>>& value);

    const toml::table* table(std::string_view key);
    std::vector<const toml::table*> tables(std::string_view key);

    // An error of the caller's own about `key`, or about the whole table where that is not there.
    void refuse(const ErrorInfo& info, std::string_view key, std::string_view what);

    bool has(std::string_view key) const;
    // All keys, for a table whose keys are data; each is then known.
    std::vector<std::string> keys();
    Result<> done();

private:
    const toml::node* find(std::string_view key);
    std::optional<std::int64_t> integer(std::string_view key, Range range);
    std::string full(std::string_view key) const;
    void bad(const toml::node& node, std::string_view key, std::string_view expected);
    void set_error(Error error);

    const toml::table* table_;
    std::string name_;
    TomlErrors errors_;
    std::vector<std::string_view> known_;
    std::optional<Error> error_;
};

}  // namespace cutover
