#include "engine/ini.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "engine/errors.h"
#include "model/operation.h"

namespace cutover {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxEntries = 1000;
constexpr int kMaxIndex = 999;
constexpr std::array<std::string_view, 5> kKeys{"command", "options", "source", "bundle",
                                                "version"};

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Cuts a comment off, but not inside quotes.
std::string_view without_comment(std::string_view line) {
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '"') quoted = !quoted;
        if (!quoted && (line[i] == ';' || line[i] == '#')) return line.substr(0, i);
    }
    return line;
}

struct Key {
    std::string_view name;
    int index = 0;
};

std::optional<Key> parse_key(std::string_view text) {
    const auto open = text.find('[');
    if (open == std::string_view::npos || !text.ends_with(']')) return std::nullopt;
    Key key{.name = trim(text.substr(0, open)), .index = -1};
    const auto digits = text.substr(open + 1, text.size() - open - 2);
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, key.index);
    const bool valid = error == std::errc{} && stop == end && key.index >= 0 &&
                       key.index <= kMaxIndex && std::ranges::find(kKeys, key.name) != kKeys.end();
    if (!valid) return std::nullopt;
    return key;
}

// Words at white space; a part in double quotes (inside an unquoted value) stays together.
std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> result;
    std::string word;
    bool quoted = false;
    bool begun = false;
    for (const char c : text) {
        if (c == '"') {
            quoted = !quoted;
            begun = true;
        } else if (!quoted && (c == ' ' || c == '\t')) {
            if (begun) result.push_back(std::exchange(word, {}));
            begun = false;
        } else {
            word += c;
            begun = true;
        }
    }
    if (begun) result.push_back(std::move(word));
    return result;
}

// A value that stands in one pair of quotes is what is between them; its words are split all the
// same, for that is how the files in use are written: source[0] = "-s depot:/path".
std::string_view unquoted(std::string_view value) {
    const bool whole = value.size() >= 2 && value.starts_with('"') && value.ends_with('"') &&
                       value.substr(1, value.size() - 2).find('"') == std::string_view::npos;
    return whole ? value.substr(1, value.size() - 2) : value;
}

using Entry = std::map<std::string_view, std::string_view>;  // key -> value, both inside the text

Result<IniCommand> to_command(Stage stage, int index, const Entry& entry) {
    const auto value = [&](std::string_view key) {
        const auto found = entry.find(key);
        return found == entry.end() ? std::string_view() : unquoted(found->second);
    };
    IniCommand result{.stage = stage, .index = index, .command = words(value("command"))};
    if (result.command.empty())
        return fail(errors::stage_ini_invalid, "[{}] entry {} has no command", to_string(stage),
                    index);
    for (const auto* key : {"options", "source"})
        for (auto& word : words(value(key))) result.command.push_back(std::move(word));
    auto bundle = std::string(value("bundle"));
    if (const auto version = value("version"); !version.empty())
        bundle += fmt::format(",r={}", version);
    if (!bundle.empty()) result.command.push_back(std::move(bundle));
    return result;
}

}  // namespace

Result<std::vector<IniCommand>> parse_ini(std::string_view text) {
    if (text.size() > kMaxBytes)
        return fail(errors::stage_ini_invalid, "the file is longer than {} bytes", kMaxBytes);
    if (text.find('\0') != std::string_view::npos)
        return fail(errors::stage_ini_invalid, "the file holds a zero byte");
    std::map<std::pair<Stage, int>, Entry> entries;
    std::optional<Stage> stage;
    int number = 0;
    while (!text.empty()) {
        const auto whole = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), whole.size() + 1));
        ++number;
        const auto line = trim(without_comment(whole));
        if (line.empty()) continue;
        if (line.starts_with('[') && line.ends_with(']')) {
            stage = stage_from(trim(line.substr(1, line.size() - 2)));
            if (!stage)
                return fail(errors::stage_ini_invalid, "line {}: {} is no stage", number, line);
            continue;
        }
        const auto equals = line.find('=');
        const auto key = equals == std::string_view::npos ? std::nullopt
                                                          : parse_key(trim(line.substr(0, equals)));
        if (!stage || !key)
            return fail(errors::stage_ini_invalid,
                        "line {}: want command[i], options[i], source[i], bundle[i] or version[i] "
                        "in a section named after a stage",
                        number);
        auto& entry = entries[{*stage, key->index}];
        if (!entry.emplace(key->name, trim(line.substr(equals + 1))).second)
            return fail(errors::stage_ini_invalid, "line {}: {}[{}] is there twice", number,
                        key->name, key->index);
        if (entries.size() > kMaxEntries)
            return fail(errors::stage_ini_invalid, "more than {} entries", kMaxEntries);
    }
    std::vector<IniCommand> result;
    result.reserve(entries.size());
    for (const auto& [where, entry] : entries)
        result.push_back(TRY(to_command(where.first, where.second, entry)));
    return result;
}

}  // namespace cutover
