#include "model/device_config.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/nearest_name.h"
#include "model/config_errors.h"
#include "model/manifest.h"

namespace cutover {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxConfigBytes = std::size_t{256} * 1024;
constexpr std::size_t kMaxHealthChecks = 100;

struct Range {
    std::int64_t least = 0;
    std::int64_t most = std::numeric_limits<std::int32_t>::max();
};

template <typename List, typename Value>
bool contains(const List& list, const Value& value) {
    return std::ranges::find(list, value) != list.end();
}

bool printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= 0x20 && byte != 0x7f;
    });
}

// Reads the keys of one table. The first error is kept and makes the later calls do nothing, so
// that the reading of a table is a plain list of its keys; done() tells it, or the first key that
// nobody asked for.
class TableReader {
public:
    // `table` may be null: every key is then absent.
    TableReader(const toml::table* table, std::string name)
        : table_(table), name_(std::move(name)) {}

    void text(std::string_view key, std::string& value) {
        const auto* const node = find(key);
        if (node == nullptr) return;
        if (auto read = string_of(*node))
            value = std::move(*read);
        else
            bad(*node, key, "a text without control characters");
    }

    void flag(std::string_view key, bool& value) {
        const auto* const node = find(key);
        if (node == nullptr) return;
        if (const auto* const read = node->as_boolean())
            value = read->get();
        else
            bad(*node, key, "true or false");
    }

    template <typename Number>
    void number(std::string_view key, Number& value, Range range) {
        const auto* const node = find(key);
        if (node == nullptr) return;
        const auto* const read = node->as_integer();
        if (read != nullptr && read->get() >= range.least && read->get() <= range.most)
            value = static_cast<Number>(read->get());
        else
            bad(*node, key, fmt::format("a whole number from {} to {}", range.least, range.most));
    }

    void duration(std::string_view key, milliseconds& value, milliseconds least) {
        const auto* const node = find(key);
        if (node == nullptr) return;
        const auto written = string_of(*node);
        const auto read =
            written ? parse_duration(*written) : Result<milliseconds>(milliseconds(-1));
        if (read && *read >= least)
            value = *read;
        else
            bad(*node, key,
                fmt::format("a duration of at least {} like \"500ms\", \"2s\", \"10m\" or \"1h\"",
                            to_string(least)));
    }

    void texts(std::string_view key, std::vector<std::string>& value) {
        const auto* const node = find(key);
        if (node == nullptr) return;
        if (auto read = strings_of(*node))
            value = std::move(*read);
        else
            bad(*node, key, "a list of texts that are not empty");
    }

    void commands(std::string_view key, std::vector<std::vector<std::string>>& value) {
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

    const toml::table* table(std::string_view key) {
        const auto* const node = find(key);
        if (node == nullptr) return nullptr;
        if (!node->is_table()) bad(*node, key, fmt::format("a table: [{}]", full(key)));
        return node->as_table();
    }

    std::vector<const toml::table*> tables(std::string_view key) {
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

    // An error of the caller's own about `key`, or about the whole table where that is not there.
    void refuse(const ErrorInfo& info, std::string_view key, std::string_view what) {
        const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
        if (node == nullptr) node = table_;
        const auto line = node == nullptr ? 1 : node->source().begin.line;
        set_error(make_error(info, fmt::format("line {}: {}: {}", line, full(key), what)));
    }

    bool has(std::string_view key) const { return table_ != nullptr && table_->contains(key); }

    Result<> done() {
        if (error_) return std::unexpected(std::move(*error_));
        if (table_ == nullptr) return {};
        for (const auto& [key, node] : *table_) {
            if (contains(known_, key.str())) continue;
            const auto meant = nearest_name(key.str(), known_);
            const auto hint =
                meant.empty() ? std::string() : fmt::format("; did you mean '{}'?", meant);
            const auto shown = printable(key.str()) ? key.str().substr(0, 80) : "?";
            return fail(errors::config_unknown_key, "line {}: unknown key '{}'{}",
                        key.source().begin.line, full(shown), hint);
        }
        return {};
    }

private:
    static std::optional<std::string> string_of(const toml::node& node) {
        const auto* const read = node.as_string();
        if (read == nullptr || !printable(read->get())) return std::nullopt;
        return read->get();
    }

    static std::optional<std::vector<std::string>> strings_of(const toml::node& node) {
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

    const toml::node* find(std::string_view key) {
        known_.push_back(key);
        return table_ == nullptr || error_ ? nullptr : table_->get(key);
    }

    std::string full(std::string_view key) const {
        return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
    }

    void bad(const toml::node& node, std::string_view key, std::string_view expected) {
        set_error(make_error(
            errors::config_bad_value,
            fmt::format("line {}: {} must be {}", node.source().begin.line, full(key), expected)));
    }

    void set_error(Error error) {
        if (!error_) error_ = std::move(error);
    }

    const toml::table* table_;
    std::string name_;
    std::vector<std::string_view> known_;
    std::optional<Error> error_;
};

constexpr milliseconds kAny{0};
constexpr milliseconds kSome{1};

Result<> read_identity(TableReader& root, DeviceConfig& config) {
    TableReader device(root.table("device"), "device");
    device.text("name", config.name);
    device.texts("hardware", config.hardware);
    device.text("serial", config.serial);
    device.text("architecture", config.architecture);
    if (config.name.empty()) device.refuse(errors::config_bad_value, "name", "must not be empty");
    if (config.hardware.empty())
        device.refuse(errors::config_bad_value, "hardware", "must name the device's own hardware");
    TRY(device.done());

    TableReader trust(root.table("trust"), "trust");
    std::string expired = "signed-while-valid";
    trust.text("anchors", config.anchors);
    trust.text("expired", expired);
    if (expired != "signed-while-valid" && expired != "refuse")
        trust.refuse(errors::config_bad_value, "expired",
                     "must be \"signed-while-valid\" or \"refuse\"");
    config.expired =
        expired == "refuse" ? ExpiredPolicy::refuse : ExpiredPolicy::signed_while_valid;
    return trust.done();
}

Result<> read_rules(TableReader& root, DeviceConfig& config) {
    TableReader policy(root.table("policy"), "policy");
    policy.flag("require-preview", config.require_preview);
    policy.texts("unforceable", config.unforceable);
    policy.number("keep-generations", config.keep_generations, {.least = 2, .most = 1000});
    policy.duration("operation-timeout", config.operation_timeout, kSome);
    policy.duration("script-timeout", config.script_timeout, kSome);
    policy.duration("transfer-timeout", config.transfer_timeout, kSome);
    TRY(policy.done());

    TableReader trial(root.table("trial"), "trial");
    trial.number("boots", config.trial_boots, {.least = 1, .most = 100});
    trial.duration("deadline", config.trial_deadline, kSome);
    trial.duration("settle", config.settle, kAny);
    return trial.done();
}

Result<HealthSpec> read_health(const toml::table* table) {
    TableReader entry(table, "health");
    HealthSpec check;
    entry.text("name", check.name);
    entry.text("http", check.http);
    entry.text("tcp", check.tcp);
    entry.texts("exec", check.exec);
    entry.duration("timeout", check.timeout, kSome);
    entry.duration("interval", check.interval, kSome);
    entry.number("retries", check.retries, {.least = 1, .most = 10'000});
    if (check.name.empty())
        entry.refuse(errors::config_missing_key, "name", "a health check needs a name");
    const int ways =
        (entry.has("http") ? 1 : 0) + (entry.has("tcp") ? 1 : 0) + (entry.has("exec") ? 1 : 0);
    if (ways != 1)
        entry.refuse(errors::config_missing_key, "http",
                     "a health check has exactly one of http, tcp and exec");
    const bool url = check.http.starts_with("http://") || check.http.starts_with("https://");
    if (entry.has("http") && !url)
        entry.refuse(errors::config_bad_value, "http", "must begin with http:// or https://");
    if (entry.has("tcp") && !check.tcp.contains(':'))
        entry.refuse(errors::config_bad_value, "tcp", "must be \"host:port\"");
    if (entry.has("exec") && check.exec.empty())
        entry.refuse(errors::config_bad_value, "exec", "must name a program");
    TRY(entry.done());
    return check;
}

Result<> read_checks(TableReader& root, DeviceConfig& config) {
    const auto tables = root.tables("health");
    if (tables.size() > kMaxHealthChecks)
        root.refuse(errors::config_bad_value, "health",
                    fmt::format("at most {} checks", kMaxHealthChecks));
    for (const auto* const table : tables) {
        auto check = TRY(read_health(table));
        const bool twice =
            std::ranges::find(config.health, check.name, &HealthSpec::name) != config.health.end();
        if (twice)
            return fail(errors::config_bad_value, "line {}: the health check '{}' is there twice",
                        table->source().begin.line, check.name);
        config.health.push_back(std::move(check));
    }
    return {};
}

Result<> read_backend(TableReader& root, std::string_view name, std::string& backend) {
    TableReader table(root.table(name), std::string(name));
    table.text("backend", backend);
    if (backend.empty()) table.refuse(errors::config_bad_value, "backend", "must not be empty");
    return table.done();
}

Result<> read_rest(TableReader& root, DeviceConfig& config) {
    TRY(read_backend(root, "boot", config.boot_backend));
    TRY(read_backend(root, "slots", config.slots_backend));
    TRY(read_backend(root, "services", config.services_backend));

    TableReader stages(root.table("stages"), "stages");
    stages.text("scripts", config.stage_scripts);
    stages.texts("ini", config.ini_files);
    TRY(stages.done());

    TableReader evidence(root.table("evidence"), "evidence");
    evidence.texts("files", config.evidence_files);
    evidence.commands("commands", config.evidence_commands);
    TRY(evidence.done());

    TableReader doors(root.table("doors"), "doors");
    TableReader native(doors.table("native"), "doors.native");
    native.text("socket", config.native_socket);
    if (config.native_socket.empty())
        native.refuse(errors::config_bad_value, "socket", "must not be empty");
    TRY(native.done());
    return doors.done();
}

// The library's one exception ends here.
Result<toml::table> parse_toml(std::string_view text) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        return fail(errors::config_syntax, "line {}: {}", error.source().begin.line,
                    error.description());
    }
}

}  // namespace

Result<DeviceConfig> parse_device_config(std::string_view toml) {
    if (toml.size() > kMaxConfigBytes)
        return fail(errors::config_syntax, "device.toml is longer than {} bytes", kMaxConfigBytes);
    const auto parsed = TRY(parse_toml(toml));
    DeviceConfig config;
    TableReader root(&parsed, "");
    TRY(read_identity(root, config));
    TRY(read_rules(root, config));
    TRY(read_checks(root, config));
    TRY(read_rest(root, config));
    TRY(root.done());
    return config;
}

}  // namespace cutover
