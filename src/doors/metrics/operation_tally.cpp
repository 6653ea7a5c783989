#include "doors/metrics/operation_tally.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "model/operation.h"

namespace cutover {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxFileBytes = std::size_t{256} * 1024;

std::uint64_t number(const Json& object, std::string_view key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    const bool whole = found != object.end() && found->is_number_unsigned();
    return whole ? found->get<std::uint64_t>() : 0;
}

std::string_view word(const Json& object, std::string_view key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (found == object.end() || !found->is_string()) return {};
    return found->get_ref<const std::string&>();
}

const Json& list(const Json& object, std::string_view key) {
    static const Json none = Json::array();
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : none;
}

DurationCounts durations_from(const Json& entry) {
    DurationCounts result{.sum_ms = number(entry, "sum_ms")};
    const auto& counts = list(entry, "counts");
    for (std::size_t i = 0; i < std::min(counts.size(), result.counts.size()); ++i)
        if (counts[i].is_number_unsigned()) result.counts.at(i) = counts[i].get<std::uint64_t>();
    return result;
}

}  // namespace

void DurationCounts::add(std::chrono::milliseconds duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    const auto* const place = std::ranges::lower_bound(kBounds, seconds);
    ++counts.at(static_cast<std::size_t>(place - kBounds.begin()));
    sum_ms += static_cast<std::uint64_t>(duration.count());
}

OperationTally OperationTally::load(const std::filesystem::path& file, Result<>& problem) {
    OperationTally tally;
    const auto content = read_file(file, kMaxFileBytes);
    if (content) {
        auto parsed = parse(*content);
        if (parsed)
            tally = *std::move(parsed);
        else
            problem = std::unexpected(std::move(parsed).error().within(file.string()));
    } else if (content.error().kind != Errc::not_found) {
        problem = std::unexpected(content.error());
    }
    tally.file_ = file;
    return tally;
}

Result<OperationTally> OperationTally::parse(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return fail(Errc::corrupt, "is no JSON object");
    OperationTally tally;
    tally.agent_starts = number(json, "agent_starts");
    tally.reboots = number(json, "reboots");
    tally.fallbacks = number(json, "fallbacks");
    tally.interruption_ms = number(json, "interruption_ms");
    const auto last_id = number(json, "last");
    if (last_id <= std::numeric_limits<std::int32_t>::max())
        tally.last = static_cast<OperationId>(last_id);
    for (const auto& entry : list(json, "ended")) {
        const auto kind = operation_kind_from(word(entry, "kind"));
        const auto state = operation_state_from(word(entry, "result"));
        if (kind && state && is_over(*state)) tally.ended[{*kind, *state}] = number(entry, "count");
    }
    for (const auto& entry : list(json, "durations"))
        if (const auto kind = operation_kind_from(word(entry, "kind")))
            tally.durations[*kind] = durations_from(entry);
    return tally;
}

std::string OperationTally::text() const {
    Json json{{"last", last},
              {"agent_starts", agent_starts},
              {"reboots", reboots},
              {"fallbacks", fallbacks},
              {"interruption_ms", interruption_ms}};
    for (const auto& [key, count] : ended)
        json["ended"].push_back(
            {{"kind", to_string(key.first)}, {"result", to_string(key.second)}, {"count", count}});
    for (const auto& [kind, durations_of_kind] : durations)
        json["durations"].push_back({{"kind", to_string(kind)},
                                     {"counts", durations_of_kind.counts},
                                     {"sum_ms", durations_of_kind.sum_ms}});
    return json.dump(1) + "\n";
}

Result<> OperationTally::save() const { return write_file_durably(file_, text()); }

// One operation is at work at a time: none ends before one that began earlier.
bool OperationTally::add(std::vector<Operation> operations) {
    std::ranges::sort(operations, {}, &Operation::id);
    // A device that was reset begins with operation 1 anew.
    if (!operations.empty() && operations.back().id < last) last = 0;
    bool counted = false;
    for (const auto& operation : operations) {
        if (operation.id <= last) continue;
        if (!is_over(operation.state)) break;
        count(operation);
        last = operation.id;
        counted = true;
    }
    return counted;
}

void OperationTally::count(const Operation& operation) {
    ++ended[{operation.request.kind, operation.state}];
    reboots += static_cast<std::uint64_t>(std::max(operation.reboots, 0));
    interruption_ms +=
        static_cast<std::uint64_t>(std::max<std::int64_t>(operation.interruption.count(), 0));
    if (operation.state == OperationState::failed && operation.reboots > 0) ++fallbacks;
    const auto took = operation.ended.value_or(operation.started) - operation.started;
    durations[operation.request.kind].add(std::max(took, std::chrono::milliseconds(0)));
}

}  // namespace cutover
