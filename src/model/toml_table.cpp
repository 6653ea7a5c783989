#include "model/toml_table.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/nearest_name.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

template <typename List, typename Value>
bool contains(const List& list, const Value& value) {
    return std::ranges::find(list, value) != std::ranges::end(list);
}

bool printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != 0x7f;
    });
}

std::optional<std::string> string_of(const toml::node& node) {
    const auto* const read = node.as_string();
    if (read == nullptr || !printable(read->get())) return std::nullopt;
    return read->get();
}

std::optional<std::vector<std::string>> strings_of(const toml::node& node) {
    const auto* const list = node.as_array();
    if (list == nullptr) return std::nullopt;
    std::vector<std::string> result;
    for (const auto& item : *list) {
        auto text = string_of(item);
        if (!text || text->empty()) return std::nullopt;
        result.push_back(std::move(*text));
    }
    return result;
}

}  // namespace

// The library's one exception ends here.
Result<toml::table> parse_toml(std::string_view text, const ErrorInfo& syntax_error) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        return fail(syntax_error, "line {}: {}", error.source().begin.line, error.description());
    }
}

TomlTable::TomlTable(const toml::table* table, std::string name, const TomlErrors& errors)
    : table_(table), name_(std::move(name)), errors_(errors) {}

std::vector<std::string> TomlTable::keys() {
    std::vector<std::string> result;
    if (table_ == nullptr) return result;
    for (const auto& [key, node] : *table_) {
        known_.push_back(key.str());
        result.emplace_back(key.str());
    }
    return result;
}

void TomlTable::text(std::string_view key, std::string& value) {
    const auto* const node = find(key);
    if (node == nullptr) return;
    if (auto read = string_of(*node))
        value = std::move(*read);
    else
        bad(*node, key, "a text without control characters");
}

void TomlTable::flag(std::string_view key, bool& value) {
    const auto* const node = find(key);
    if (node == nullptr) return;
    if (const auto* const read = node->as_boolean())
        value = read->get();
    else
        bad(*node, key, "true or false");
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key, Range range) {
    const auto* const node = find(key);
    if (node == nullptr) return std::nullopt;
    const auto* const read = node->as_integer();
    if (read != nullptr && read->get() >= range.least && read->get() <= range.most)
        return read->get();
    bad(*node, key, fmt::format("a whole number from {} to {}", range.least, range.most));
    return std::nullopt;
}

void TomlTable::duration(std::string_view key, milliseconds& value, milliseconds least) {
    const auto* const node = find(key);
    if (node == nullptr) return;
    const auto written = string_of(*node);
    const auto read = written ? parse_duration(*written) : Result<milliseconds>(milliseconds(-1));
    if (read && *read >= least)
        value = *read;
    else
        bad(*node, key,
            fmt::format("a duration of at least {} like \"500ms\", \"2s\", \"10m\" or \"1h\"",
                        to_string(least)));
}

void TomlTable::texts(std::string_view key, std::vector<std::string>& value) {
    const auto* const node = find(key);
    if (node == nullptr) return;
    if (auto read = strings_of(*node))
        value = std::move(*read);
    else
        bad(*node, key, "a list of texts that are not empty");
}

void TomlTable::commands(std::string_view key, std::vector<std::vector<std::string>>& value) {
    const auto* const node = find(key);
    if (node == nullptr) return;
    const auto* const list = node->as_array();
    std::vector<std::vector<std::string>> result;
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        auto command = strings_of((*list)[i]);
        if (!command || command->empty()) break;
        result.push_back(std::move(*command));
    }
    if (list != nullptr && result.size() == list->size())
        value = std::move(result);
    else
        bad(*node, key, "a list of commands, each a list of texts");
}

const toml::table* TomlTable::table(std::string_view key) {
    const auto* const node = find(key);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) bad(*node, key, fmt::format("a table: [{}]", full(key)));
    return node->as_table();
}

std::vector<const toml::table*> TomlTable::tables(std::string_view key) {
    std::vector<const toml::table*> result;
    const auto* const node = find(key);
    if (node == nullptr) return result;
    const auto* const list = node->as_array();
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i)
        result.push_back((*list)[i].as_table());
    const bool right = list != nullptr && !contains(result, nullptr);
    if (right) return result;
    bad(*node, key, fmt::format("a list of tables: [[{}]]", full(key)));
    return {};
}

void TomlTable::refuse(const ErrorInfo& info, std::string_view key, std::string_view what) {
    const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
    if (node == nullptr) node = table_;
    const auto line = node == nullptr ? 1 : node->source().begin.line;
    set_error(make_error(info, fmt::format("line {}: {}: {}", line, full(key), what)));
}

bool TomlTable::has(std::string_view key) const {
    return table_ != nullptr && table_->contains(key);
}

Result<> TomlTable::done() {
    if (error_) return std::unexpected(std::move(*error_));
    if (table_ == nullptr) return {};
    for (const auto& [key, node] : *table_) {
        if (contains(known_, key.str())) continue;
        const auto meant = nearest_name(key.str(), known_);
        const auto hint =
            meant.empty() ? std::string() : fmt::format("; did you mean '{}'?", meant);
        const auto shown = printable(key.str()) ? key.str().substr(0, 80) : "?";
        return fail(*errors_.unknown_key, "line {}: unknown key '{}'{}", key.source().begin.line,
                    full(shown), hint);
    }
    return {};
}

const toml::node* TomlTable::find(std::string_view key) {
    known_.push_back(key);
    return table_ == nullptr || error_ ? nullptr : table_->get(key);
}

std::string TomlTable::full(std::string_view key) const {
    return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

void TomlTable::bad(const toml::node& node, std::string_view key, std::string_view expected) {
    set_error(make_error(
        *errors_.bad_value,
        fmt::format("line {}: {} must be {}", node.source().begin.line, full(key), expected)));
}

void TomlTable::set_error(Error error) {
    if (!error_) error_ = std::move(error);
}

}  // namespace cutover
