#include "config/migration.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "base/error.h"
#include "config/errors.h"
#include "config/text_depth.h"

namespace cutover {
namespace {

using Json = nlohmann::json;
using Steps = std::vector<MigrationStep>;

constexpr std::size_t kMaxSteps = 10'000;
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxFileBytes = std::size_t{4} * 1024 * 1024;

std::string_view module_of(std::string_view name) { return name.substr(0, name.find(':')); }

// A name without module has that of `other`.
std::string qualified(std::string_view name, std::string_view other) {
    if (name.contains(':')) return std::string(name);
    return fmt::format("{}:{}", module_of(other), name);
}

// Names between slashes; what is escaped in a JSON pointer cannot be in a YANG name.
Result<ConfigPath> path_in(const Json& step, const char* key) {
    const auto found = step.find(key);
    if (found == step.end() || !found->is_string())
        return fail(errors::config_migration, "\"{}\" must be a path", key);
    const auto text = found->get<std::string>();
    ConfigPath path;
    bool whole = text.starts_with('/');
    for (std::size_t at = 0; whole && at < text.size();) {
        const auto end = std::min(text.find('/', at + 1), text.size());
        const auto name = text.substr(at + 1, end - at - 1);
        const auto colon = name.find(':');
        whole = !name.empty() && colon != 0 && (!path.empty() || colon != std::string::npos) &&
                (colon == std::string::npos || colon + 1 < name.size());
        if (whole) path.push_back(path.empty() ? name : qualified(name, path.back()));
        at = end;
    }
    if (!whole || path.size() > kMaxDepth)
        return fail(errors::config_migration, "\"{}\" is no path like /module:top/below", text);
    return path;
}

Result<std::string> text_in(const Json& step, const char* key) {
    const auto found = step.find(key);
    if (found == step.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
        return fail(errors::config_migration, "\"{}\" must be a text", key);
    return found->get<std::string>();
}

bool is_name(std::string_view name) {
    return !name.empty() && !name.contains('/') && !name.starts_with(':') && !name.ends_with(':');
}

// A name beside that of `other`.
Result<std::string> name_in(const Json& step, const char* key, std::string_view other) {
    const auto name = TRY(text_in(step, key));
    if (!is_name(name))
        return fail(errors::config_migration, "\"{}\" must be a name, without the path to it", key);
    return qualified(name, other);
}

Result<std::vector<std::string>> names_in(const Json& step, const char* key,
                                          std::string_view other) {
    const auto found = step.find(key);
    const bool texts = found != step.end() && found->is_array() && found->size() > 1 &&
                       std::ranges::all_of(*found, [](const Json& name) {
                           return name.is_string() && is_name(name.get_ref<const std::string&>());
                       });
    if (!texts) return fail(errors::config_migration, "\"{}\" must be two names or more", key);
    std::vector<std::string> names;
    for (const auto& name : *found)
        names.push_back(qualified(name.get_ref<const std::string&>(), other));
    return names;
}

Result<MapStep::Value> map_value(const Json& value) {
    if (value.is_structured())
        return fail(errors::config_migration, "{} is no value of a leaf", value.dump());
    if (value.is_string()) return MapStep::Value{.text = value.get<std::string>()};
    return MapStep::Value{.text = value.dump(), .quoted = false};
}

Result<MigrationStep> parse_map(const Json& step) {
    MapStep map;
    map.at = TRY(path_in(step, "map"));
    const auto values = step.find("values");
    if (values == step.end() || !values->is_array())
        return fail(errors::config_migration,
                    "\"values\" must be pairs, as in [[\"old\", \"new\"]]");
    for (const auto& pair : *values) {
        if (!pair.is_array() || pair.size() != 2)
            return fail(errors::config_migration, "{} is no pair of an old and a new value",
                        pair.dump());
        auto before = TRY(map_value(pair[0]));
        auto after = TRY(map_value(pair[1]));
        map.values.emplace_back(std::move(before), std::move(after));
    }
    return MigrationStep(std::move(map));
}

template <typename Step>
Result<MigrationStep> parse_with_value(const Json& step, const char* key) {
    const auto value = step.find("value");
    if (value == step.end()) return fail(errors::config_migration, "\"value\" is missing");
    auto at = TRY(path_in(step, key));
    return MigrationStep(Step{.at = std::move(at), .value = value->dump()});
}

Result<MigrationStep> parse_split(const Json& step) {
    auto from = TRY(path_in(step, "split"));
    auto separator = TRY(text_in(step, "separator"));
    auto into = TRY(names_in(step, "into", from.back()));
    return MigrationStep(SplitStep{
        .from = std::move(from), .separator = std::move(separator), .into = std::move(into)});
}

Result<MigrationStep> parse_merge(const Json& step) {
    auto at = TRY(path_in(step, "merge"));
    auto from = TRY(names_in(step, "from", at.back()));
    auto separator = TRY(text_in(step, "separator"));
    auto into = TRY(name_in(step, "into", from.front()));
    return MigrationStep(MergeStep{.at = std::move(at),
                                   .from = std::move(from),
                                   .separator = std::move(separator),
                                   .into = std::move(into)});
}

Result<MigrationStep> parse_move(const Json& step) {
    auto from = TRY(path_in(step, "move"));
    auto to = TRY(path_in(step, "to"));
    if (from == to) return fail(errors::config_migration, "it moves nothing");
    return MigrationStep(MoveStep{.from = std::move(from), .to = std::move(to)});
}

Result<MigrationStep> parse_step(const Json& step) {
    if (!step.is_object()) return fail(errors::config_migration, "a step is an object");
    if (step.contains("rename")) {
        auto from = TRY(path_in(step, "rename"));
        auto to = TRY(name_in(step, "to", from.back()));
        return MigrationStep(RenameStep{.from = std::move(from), .to = std::move(to)});
    }
    if (step.contains("move")) return parse_move(step);
    if (step.contains("default")) return parse_with_value<DefaultStep>(step, "default");
    if (step.contains("drop")) return parse_with_value<DropStep>(step, "drop");
    if (step.contains("map")) return parse_map(step);
    if (step.contains("split")) return parse_split(step);
    if (step.contains("merge")) return parse_merge(step);
    if (step.contains("remove")) {
        auto at = TRY(path_in(step, "remove"));
        return MigrationStep(RemoveStep{.at = std::move(at)});
    }
    return fail(errors::config_migration,
                "{} is none of rename, move, default, drop, map, split, merge and remove",
                step.dump());
}

Result<Steps> parse_steps(const Json& list, const char* what) {
    if (!list.is_array() || list.size() > kMaxSteps)
        return fail(errors::config_migration, "\"{}\" must be a list of at most {}", what,
                    kMaxSteps);
    Steps steps;
    for (const auto& step : list) {
        auto parsed = TRY(parse_step(step), "step {}", steps.size() + 1);
        steps.push_back(std::move(parsed));
    }
    return steps;
}

// A revision; empty for "none".
Result<std::string> revision_in(const Json& json, const char* key) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_string())
        return fail(errors::config_migration, "\"{}\" must be a revision", key);
    auto revision = found->get<std::string>();
    if (revision == "none") revision.clear();
    return revision;
}

Result<> parse_reverse(const Json& json, Migration& migration) {
    const auto reverse = json.find("reverse");
    if (reverse == json.end()) return {};
    if (reverse->is_boolean()) {
        migration.reverse =
            reverse->get<bool>() ? Migration::Reverse::automatic : Migration::Reverse::none;
        return {};
    }
    migration.reverse = Migration::Reverse::listed;
    migration.reverse_steps = TRY(parse_steps(*reverse, "reverse"), "in reverse");
    return {};
}

ConfigPath beside(const ConfigPath& path, const std::string& name) {
    auto other = path;
    other.back() = name;
    return other;
}

// Adds to `steps` what undoes a step.
struct Reverser {
    void operator()(const RenameStep& step) const {
        steps.push_back(RenameStep{.from = beside(step.from, step.to), .to = step.from.back()});
    }
    void operator()(const MoveStep& step) const {
        steps.push_back(MoveStep{.from = step.to, .to = step.from});
    }
    void operator()(const DefaultStep& step) const {
        steps.push_back(DropStep{.at = step.at, .value = step.value});
    }
    void operator()(const DropStep& step) const {
        steps.push_back(DefaultStep{.at = step.at, .value = step.value});
    }
    void operator()(const MapStep& step) const {
        std::map<std::string, int> sources;
        for (const auto& [before, after] : step.values) ++sources[after.text];
        MapStep back{.at = step.at};
        for (const auto& [before, after] : step.values)
            if (sources[after.text] == 1) back.values.emplace_back(after, before);
        for (const auto& [text, count] : sources)
            if (count > 1) back.ambiguous.push_back(text);
        steps.push_back(std::move(back));
    }
    void operator()(const SplitStep& step) const {
        auto at = step.from;
        at.pop_back();
        steps.push_back(MergeStep{.at = std::move(at),
                                  .from = step.into,
                                  .separator = step.separator,
                                  .into = step.from.back()});
    }
    void operator()(const MergeStep& step) const {
        auto from = step.at;
        from.push_back(step.into);
        steps.push_back(
            SplitStep{.from = std::move(from), .separator = step.separator, .into = step.from});
    }
    void operator()(const RemoveStep& /*step*/) const {}

    Steps& steps;
};

}  // namespace

std::string to_string(const ConfigPath& path) {
    std::string text;
    std::string_view module;
    for (const auto& name : path) {
        const auto own = module_of(name);
        text += '/';
        text += own == module ? std::string_view(name).substr(own.size() + 1) : name;
        module = own;
    }
    return text.empty() ? "/" : text;
}

Result<Migration> parse_migration(std::string_view text) {
    if (text.size() > kMaxFileBytes)
        return fail(errors::config_migration, "it has more than {} bytes", kMaxFileBytes);
    if (!json_is_within(text, kMaxDepth))
        return fail(errors::config_migration, "it is deeper than {} levels", kMaxDepth);
    const auto json = Json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.is_object())
        return fail(errors::config_migration, "it is no JSON object");
    Migration migration;
    migration.from = TRY(revision_in(json, "from"));
    // Between packages ("router@1") there is no module to name.
    if (!migration.from.contains('@')) migration.module = TRY(text_in(json, "module"));
    migration.to = TRY(revision_in(json, "to"));
    const auto steps = json.find("steps");
    if (steps == json.end()) return fail(errors::config_migration, "\"steps\" is missing");
    migration.steps = TRY(parse_steps(*steps, "steps"));
    TRY(parse_reverse(json, migration));
    return migration;
}

Result<Migration> reversed(const Migration& migration) {
    if (migration.reverse == Migration::Reverse::none)
        return fail(errors::config_migration, "what {} {} became has no way back", migration.module,
                    migration.from);
    Migration back{.module = migration.module, .from = migration.to, .to = migration.from};
    if (migration.reverse == Migration::Reverse::listed) {
        back.steps = migration.reverse_steps;
        return back;
    }
    for (auto step = migration.steps.rbegin(); step != migration.steps.rend(); ++step)
        std::visit(Reverser{.steps = back.steps}, *step);
    return back;
}

}  // namespace cutover
