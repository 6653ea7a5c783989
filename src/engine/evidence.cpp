#include "engine/evidence.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "engine/health.h"
#include "engine/ports.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxFileBytes = std::size_t{256} * 1024;
constexpr std::size_t kMaxEvidenceBytes = std::size_t{64} * 1024 * 1024;
constexpr std::size_t kMaxComparedLines = 1000;
constexpr std::chrono::minutes kSlack{1};

std::string dump(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        lines.push_back(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.size(), lines.back().size() + 1));
    }
    return lines;
}

void put_marks(const Ports& ports, Json& entries) {
    const auto marks = ports.store.marks();
    const auto generations = ports.store.generations();
    if (!marks || !generations) return;
    const auto describe = [&](GenerationId id) {
        const auto found = std::ranges::find(*generations, id, &Generation::id);
        if (found == generations->end()) return fmt::format("generation {}", id);
        return fmt::format("generation {}: {} {}, slot {}", id, found->base.name,
                           found->base.version.text(), to_string(found->slot));
    };
    entries["running"] = describe(marks->running);
    entries["startup"] = describe(marks->startup);
    entries["committed"] = describe(marks->committed);
}

void put_slots(const Ports& ports, Json& entries) {
    const auto slots = ports.store.slots();
    if (!slots) return;
    for (const auto& slot : *slots)
        entries[fmt::format("slot {}", to_string(slot.slot))] =
            slot.holds ? fmt::format("{} {} {}", to_string(slot.state), slot.holds->name,
                                     slot.holds->version.text())
                       : std::string(to_string(slot.state));
}

}  // namespace

Evidence::Evidence(const Ports& ports, OperationId operation)
    : ports_(ports), folder_(ports.folder / "evidence" / std::to_string(operation)) {}

Result<Evidence::Difference> Evidence::capture(std::string_view label,
                                               const std::stop_token& stop) {
    TRY(make_folders(folder_));
    TRY(write_file_durably(folder_ / fmt::format("{}.json", label), collect(stop), 0600));
    // The trial of a startup that was set earlier begins after the reboot: it has no "before".
    std::error_code ignored;
    if (label == "before" || !fs::exists(folder_ / "before.json", ignored)) return Difference{};
    return compare();
}

std::string Evidence::collect(const std::stop_token& stop) {
    Json entries = Json::object();
    put_marks(ports_, entries);
    put_slots(ports_, entries);
    for (const auto& service : ports_.services.status())
        entries[fmt::format("service {}", service.name)] = service.state;
    for (const auto& status : look_at_health(ports_, stop))
        entries[fmt::format("health {}", status.name)] = status.healthy ? "healthy" : "unhealthy";
    for (const auto& name : ports_.config.evidence_files) {
        const fs::path path(name);
        const auto text =
            read_file(path.is_absolute() ? path : ports_.folder / path, kMaxFileBytes);
        entries[fmt::format("file {}", name)] = text ? *text : text.error().text();
    }
    for (const auto& command : ports_.config.evidence_commands) {
        ports_.observer.on_alive(ports_.config.script_timeout + kSlack);
        const auto result = run_process({.command = command,
                                         .folder = ports_.folder,
                                         .timeout = ports_.config.script_timeout,
                                         .max_output_bytes = kMaxFileBytes},
                                        stop);
        entries[fmt::format("command {}", fmt::join(command, " "))] =
            result ? fmt::format("exit {}\n{}", result->exit_code, result->output)
                   : result.error().text();
    }
    return dump(Json{{"captured", to_iso8601(ports_.clock.wall())}, {"entries", entries}});
}

Result<Evidence::Difference> Evidence::compare() {
    const auto before_text = TRY(read_file(folder_ / "before.json", kMaxEvidenceBytes));
    const auto after_text = TRY(read_file(folder_ / "after.json", kMaxEvidenceBytes));
    Json changes = Json::array();
    std::string report;
    try {  // both are files of ours, but on a disk that may have been tampered with
        const auto before = Json::parse(before_text).at("entries");
        const auto after = Json::parse(after_text).at("entries");
        const auto note = [&](const std::string& name, const std::string& old_value,
                              const std::string& new_value) {
            if (old_value == new_value) return;
            changes.push_back({{"name", name}, {"before", old_value}, {"after", new_value}});
            report += fmt::format("{}\n{}\n", name, line_difference(old_value, new_value));
        };
        for (const auto& [name, value] : before.items())
            note(name, value.get<std::string>(), after.value(name, std::string()));
        for (const auto& [name, value] : after.items())
            if (!before.contains(name)) note(name, "", value.get<std::string>());
    } catch (const std::exception& problem) {
        return fail(Errc::corrupt, "evidence in {} cannot be read: {}", folder_.string(),
                    problem.what());
    }
    if (changes.empty()) report = "nothing differs\n";
    TRY(write_file_durably(folder_ / "difference.txt", report));
    TRY(write_file_durably(folder_ / "difference.json", dump(Json{{"changes", changes}})));
    return Difference{.entries = static_cast<int>(changes.size()), .report = std::move(report)};
}

std::string line_difference(std::string_view before, std::string_view after) {
    const auto a = split_lines(before);
    const auto b = split_lines(after);
    std::string result;
    const auto remove = [&](std::string_view line) { result += fmt::format("- {}\n", line); };
    const auto add = [&](std::string_view line) { result += fmt::format("+ {}\n", line); };
    if (a.size() > kMaxComparedLines || b.size() > kMaxComparedLines)
        return fmt::format("- {} lines\n+ {} lines\n", a.size(), b.size());

    // Longest common subsequence, from the end: common[i][j] of a[i..] and b[j..].
    std::vector<std::vector<std::size_t>> common(a.size() + 1,
                                                 std::vector<std::size_t>(b.size() + 1));
    for (auto i = a.size(); i-- > 0;)
        for (auto j = b.size(); j-- > 0;)
            common[i][j] = a[i] == b[j] ? common[i + 1][j + 1] + 1
                                        : std::max(common[i + 1][j], common[i][j + 1]);
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() && j < b.size()) {
        if (a[i] == b[j]) {
            ++i;
            ++j;
        } else if (common[i + 1][j] >= common[i][j + 1]) {
            remove(a[i++]);
        } else {
            add(b[j++]);
        }
    }
    while (i < a.size()) remove(a[i++]);
    while (j < b.size()) add(b[j++]);
    return result;
}

}  // namespace cutover
