#include "backends/boot_record/loader_record.h"

#include <optional>
#include <string>
#include <string_view>

#include "model/slot.h"

namespace cutover {
namespace {

std::optional<int> digit(const LoaderVariables& variables, std::string_view name) {
    const auto found = variables.find(name);
    if (found == variables.end() || found->second.size() != 1) return std::nullopt;
    const char c = found->second.front();
    return c >= '0' && c <= '9' ? std::optional(c - '0') : std::nullopt;
}

std::string text(const LoaderVariables& variables, std::string_view name) {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
}

}  // namespace

std::optional<Slot> slot_from_loader_name(std::string_view name) {
    if (name == "a") return Slot::a;
    if (name == "b") return Slot::b;
    return std::nullopt;
}

LoaderVariables to_variables(const LoaderRecord& record) {
    return {{"cutover_committed", std::string(loader_name(record.committed))},
            {"cutover_trial", record.trial ? std::string(loader_name(*record.trial)) : "none"},
            {"cutover_left", std::to_string(record.tries_left)},
            {"cutover_tries", std::to_string(record.tries)}};
}

std::optional<LoaderRecord> from_variables(const LoaderVariables& variables) {
    const auto committed = slot_from_loader_name(text(variables, "cutover_committed"));
    const auto trial_name = text(variables, "cutover_trial");
    const auto trial = slot_from_loader_name(trial_name);
    const auto left = digit(variables, "cutover_left");
    const auto tries = digit(variables, "cutover_tries");
    if (!committed || !left || !tries || (!trial && trial_name != "none")) return std::nullopt;
    return LoaderRecord{
        .committed = *committed, .trial = trial, .tries_left = *left, .tries = *tries};
}

}  // namespace cutover
