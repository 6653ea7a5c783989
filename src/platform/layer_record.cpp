#include "platform/layer_record.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/fault.h"
#include "base/files.h"
#include "model/slot.h"
#include "platform/errors.h"
#include "platform/layers.h"

namespace cutover {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr int kMaxTries = 100;
constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kMaxRecordBytes = 4 * kMaxLayers * (kDigestDigits + 16) + 4096;

std::optional<LayerStack> stack_from(const Json& json) {
    if (!json.is_array() || json.size() > kMaxLayers) return std::nullopt;
    LayerStack stack;
    for (const auto& item : json) {
        if (!item.is_string()) return std::nullopt;
        stack.push_back(item.get<std::string>());
    }
    if (!check_stack(stack)) return std::nullopt;
    return stack;
}

std::optional<int> tries_from(const Json& json) {
    if (!json.is_number_integer()) return std::nullopt;
    const auto value = json.get<std::int64_t>();
    if (value < 0 || value > kMaxTries) return std::nullopt;
    return static_cast<int>(value);
}

std::optional<LayerStartup> startup_from(const Json& json) {
    if (!json.is_object()) return std::nullopt;
    auto committed = stack_from(json.value("committed", Json()));
    const auto tries = tries_from(json.value("tries", Json()));
    const auto tries_left = tries_from(json.value("tries_left", Json()));
    if (!committed || !tries || !tries_left || *tries_left > *tries) return std::nullopt;
    LayerStartup startup{.committed = *std::move(committed)};
    const auto trial = json.value("trial", Json());
    if (trial.is_null()) return *tries == 0 ? std::optional(startup) : std::nullopt;
    startup.trial = stack_from(trial);
    if (!startup.trial || *tries < 1) return std::nullopt;
    startup.tries = *tries;
    startup.tries_left = *tries_left;
    return startup;
}

Json to_json(const LayerStartup& startup) {
    return {{"committed", startup.committed},
            {"trial", startup.trial ? Json(*startup.trial) : Json()},
            {"tries", startup.tries},
            {"tries_left", startup.tries_left}};
}

}  // namespace

bool is_layer_digest(std::string_view text) {
    return text.size() == kDigestDigits && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

Result<> check_stack(const LayerStack& stack) {
    if (stack.size() > kMaxLayers)
        return fail(Errc::invalid, "{} packages on top of a base are more than {}", stack.size(),
                    kMaxLayers);
    std::set<std::string_view> seen;
    for (const auto& digest : stack) {
        if (!is_layer_digest(digest))
            return fail(Errc::invalid, "'{}' is not the digest of a package", digest);
        if (!seen.insert(digest).second)
            return fail(Errc::invalid, "package {} is named twice", digest);
    }
    return {};
}

Result<LayerRecord::Records> LayerRecord::read_all() const {
    const auto text = read_file(file_, kMaxRecordBytes);
    if (!text && text.error().kind == Errc::not_found) return Records{};
    const auto damaged = [&] {
        return fail(errors::layer_record_damaged, "{} is damaged", file_.string());
    };
    if (!text && text.error().kind == Errc::invalid) return damaged();  // it is too long
    if (!text) return std::unexpected(text.error());
    const auto json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || json.value("format", Json()) != kFormat) return damaged();
    Records records;
    for (const auto slot : {Slot::a, Slot::b}) {
        const auto found = json.find(std::string(to_string(slot)));
        if (found == json.end()) continue;
        auto startup = startup_from(*found);
        if (!startup) return damaged();
        records.insert_or_assign(slot, *std::move(startup));
    }
    return records;
}

Result<LayerRecord::Records> LayerRecord::read_for_change() const {
    auto records = read_all();
    if (!records && records.error().id == errors::layer_record_damaged.id) return Records{};
    return records;
}

Result<> LayerRecord::write(const Records& records) const {
    Json json{{"format", kFormat}};
    for (const auto& [slot, startup] : records)
        json[std::string(to_string(slot))] = to_json(startup);
    TRY(make_folders(file_.parent_path()));
    fault_point("layer.record");
    TRY(write_file_durably(file_, json.dump() + "\n", 0644));
    fault_point("layer.recorded");
    return {};
}

Result<LayerStartup> LayerRecord::read(Slot slot) const {
    auto records = TRY(read_all());
    return records[slot];
}

Result<> LayerRecord::set_startup(Slot slot, const LayerStack& stack) {
    TRY(check_stack(stack));
    auto records = TRY(read_for_change());
    records.insert_or_assign(slot, LayerStartup{.committed = stack});
    return write(records);
}

Result<> LayerRecord::start_trial(Slot slot, const LayerStack& stack, int tries) {
    TRY(check_stack(stack));
    if (tries < 1 || tries > kMaxTries)
        return fail(Errc::invalid, "a trial has between 1 and {} boots, not {}", kMaxTries, tries);
    auto records = TRY(read_for_change());
    auto& startup = records[slot];
    startup.trial = stack;
    startup.tries = startup.tries_left = tries;
    return write(records);
}

Result<> LayerRecord::end_trial(Slot slot) {
    auto records = TRY(read_for_change());
    auto& startup = records[slot];
    if (!startup.trial) return {};
    startup = LayerStartup{.committed = std::exchange(startup.committed, {})};
    return write(records);
}

Result<LayerStartup> LayerRecord::count_try(Slot slot) {
    auto records = TRY(read_all());
    auto& startup = records[slot];
    if (!startup.trial || startup.tries_left < 1)
        return fail(Errc::conflict, "no trial of packages on slot {} has a boot left",
                    to_string(slot));
    --startup.tries_left;
    TRY(write(records));
    return startup;
}

}  // namespace cutover
