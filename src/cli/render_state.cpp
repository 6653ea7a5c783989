#include "cli/render_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/counted.h"
#include "cli/state_view.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/package_kind.h"
#include "model/slot.h"

namespace cutover::cli {
namespace {

constexpr std::size_t kListed = 3;  // packages of a generation in a list of generations

std::string package_list(const Generation& generation, std::size_t max_count = SIZE_MAX) {
    std::vector<std::string> names;
    for (const auto& package : generation.packages)
        if (names.size() < max_count) names.push_back(named(package));
    if (names.empty()) return "none";
    auto text = fmt::format("{}", fmt::join(names, ", "));
    const auto more = generation.packages.size() - names.size();
    return more == 0 ? text : fmt::format("{} and {} more", text, more);
}

// One row of `show version`: a cell for each mark, wrapped, in columns of equal width.
class MarkTable {
public:
    MarkTable(const DeviceState& state, const Terminal& terminal)
        : running_(find_generation(state, state.marks.running)),
          marked_{running_, find_generation(state, state.marks.startup),
                  find_generation(state, state.marks.committed)},
          cell_width_((static_cast<std::size_t>(terminal.width) - kLabelWidth) / 3) {}

    template <typename Cell>
    void add(const std::string& label, Cell cell) {
        std::vector<std::string> cells;
        cells.reserve(marked_.size());
        for (std::size_t i = 0; i < marked_.size(); ++i)
            cells.push_back(marked_[i] == nullptr ? "none" : cell(*marked_[i], i == 0));
        add_lines(label, cells);
    }

    void add_lines(const std::string& label, const std::vector<std::string>& cells) {
        std::vector<std::vector<std::string>> wrapped_cells;
        std::size_t height = 1;
        for (const auto& cell : cells) {
            wrapped_cells.push_back(wrapped(printable(cell), column() - 1));
            height = std::max(height, wrapped_cells.back().size());
        }
        for (std::size_t i = 0; i < height; ++i) {
            auto line = padded(i == 0 ? label : "", kLabelWidth);
            for (const auto& cell : wrapped_cells)
                line += padded(i < cell.size() ? cell[i] : "", column());
            line.erase(line.find_last_not_of(' ') + 1);
            text_ += line + '\n';
        }
    }

    // What is the same as in the first column is not repeated.
    std::string packages(const Generation& generation, bool first) const {
        const bool same =
            !first && running_ != nullptr && generation.packages == running_->packages;
        return same ? "as running" : package_list(generation);
    }
    std::string base(const Generation& generation, bool first) const {
        const bool same_slot = !first && running_ != nullptr && generation.slot == running_->slot;
        if (same_slot) return named(generation.base);
        return fmt::format("{}  (slot {})", named(generation.base), to_string(generation.slot));
    }

    const std::string& text() const { return text_; }

private:
    std::size_t column() const { return std::min<std::size_t>(cell_width_, 21); }

    const Generation* running_;
    std::vector<const Generation*> marked_;
    std::size_t cell_width_;
    std::string text_;
};

std::string labelled(const std::string& label, const std::string& text, const Terminal& terminal) {
    return cli::labelled(label, text, terminal.width);
}

std::string standby_text(const DeviceState& state) {
    const auto* slot = find_slot(state, other(state.active_slot));
    if (slot == nullptr) return "none";
    const auto name = fmt::format("slot {}: ", to_string(slot->slot));
    if (slot->state == SlotState::writing) return name + "is being written";
    if (slot->state == SlotState::empty || !slot->holds) return name + "empty";
    const auto holds = name + named(*slot->holds);
    if (slot->state == SlotState::bad)
        return holds + ", bad: it failed a trial; an install replaces it";
    return slot->committed_once
               ? holds + ", committed once; `cutover revert` goes back to it"
               : holds + ", never committed; `cutover activate` starts it on trial";
}

std::string generation_state(const Generation& generation) {
    if (!generation.kept) return generation.bad ? "record only, was bad" : "record only";
    if (generation.bad) return "bad";
    return generation.committed_once ? "committed once" : "never committed";
}

}  // namespace

std::string version_text(const DeviceState& state, const Terminal& terminal) {
    MarkTable table(state, terminal);
    table.add_lines("", {"running", "startup", "committed"});
    table.add("generation", [](const Generation& it, bool) { return fmt::format("{}", it.id); });
    table.add("base", [&](const Generation& it, bool first) { return table.base(it, first); });
    table.add("update level",
              [](const Generation& it, bool) { return fmt::format("{}", it.update_level); });
    table.add("packages",
              [&](const Generation& it, bool first) { return table.packages(it, first); });
    return table.text() + labelled("standby", standby_text(state), terminal);
}

std::string generations_text(const DeviceState& state, const Terminal& terminal) {
    Table table({"generation", "base", "slot", "level", "packages", "made", "state", "marks"});
    for (const auto& generation : state.generations)
        table.add({fmt::format("{}", generation.id), named(generation.base),
                   std::string(to_string(generation.slot)),
                   fmt::format("{}", generation.update_level), package_list(generation, kListed),
                   to_iso8601(generation.created), generation_state(generation),
                   fmt::format("{}", fmt::join(marks_of(state, generation.id), ", "))});
    return table.empty() ? "No generations.\n" : table.text(terminal.width);
}

std::string packages_text(const DeviceState& state, const Terminal& terminal) {
    Table table({"kind", "name", "version", "state", "services", "detail"});
    const auto* running = find_generation(state, state.marks.running);
    if (running != nullptr)
        table.add({std::string(to_string(running->base.kind)), running->base.name,
                   running->base.version.text(), "running", "",
                   fmt::format("in slot {}", to_string(running->slot))});
    for (const auto& row : state.packages)
        table.add({std::string(to_string(row.package.kind)), row.package.name,
                   row.package.version.text(), package_state(row),
                   fmt::format("{}", fmt::join(row.services, ", ")), row.detail});
    return table.empty() ? "No packages.\n" : table.text(terminal.width);
}

std::string patches_text(const DeviceState& state, const Terminal& terminal) {
    Table table({"patch", "version", "state", "units", "summary"});
    for (const auto& row : state.packages)
        if (row.package.kind == PackageKind::patch)
            table.add({row.package.name, row.package.version.text(), package_state(row),
                       fmt::format("{}", fmt::join(row.services, ", ")), row.summary});
    return table.empty() ? "No patches.\n" : table.text(terminal.width);
}

std::string health_text(const DeviceState& state, const Terminal& terminal) {
    std::string text;
    Table checks({"check", "result", "from", "answer", "checked"});
    for (const auto& health : state.health)
        checks.add({health.name, health.healthy ? "healthy" : "FAILED", health.from, health.detail,
                    to_iso8601(health.checked)});
    text += checks.empty() ? "No health checks.\n" : checks.text(terminal.width);
    Table services({"service", "state", "restarts", "detail"});
    for (const auto& service : state.services)
        services.add(
            {service.name, service.state, fmt::format("{}", service.restarts), service.detail});
    if (!services.empty()) text += '\n' + services.text(terminal.width);
    return text;
}

std::string alarms_text(const DeviceState& state, const Terminal& terminal) {
    Table table({"severity", "alarm", "text", "raised", "operation"});
    for (const auto& alarm : state.alarms)
        table.add({std::string(to_string(alarm.severity)), alarm.name, alarm.text,
                   to_iso8601(alarm.raised),
                   alarm.operation == 0 ? "" : fmt::format("{}", alarm.operation)});
    return table.empty() ? "No alarms.\n" : table.text(terminal.width);
}

std::string status_text(const DeviceState& state, const Terminal& terminal) {
    const auto line = [&terminal](const std::string& label, const std::string& text) {
        return labelled(label, text, terminal);
    };
    std::string text =
        line("device", fmt::format("{} ({}{}{})", state.device_name, state.hardware,
                                   state.serial.empty() ? "" : ", serial ", state.serial));
    text += line("agent",
                 fmt::format("cutover {}, security epoch {}", state.agent_version, state.epoch));
    text += line("doing", doing_now(state));
    if (const auto* running = find_generation(state, state.marks.running))
        text += line(
            "running",
            fmt::format("{} in slot {}, generation {}{}", named(running->base),
                        to_string(running->slot), running->id,
                        state.marks.committed == running->id ? ", committed" : ", NOT committed"));
    text += line("booted", state.boot_reason);
    text += line("standby", standby_text(state));
    const auto healthy = std::ranges::count_if(state.health, &HealthStatus::healthy);
    text += line("health", state.health.empty() ? "no checks"
                                                : fmt::format("{} of {} checks healthy", healthy,
                                                              state.health.size()));
    const auto up = std::ranges::count(state.services, "running", &ServiceStatus::state);
    text += line("services", fmt::format("{} of {} running", up, state.services.size()));
    text += line("alarms", state.alarms.empty()
                               ? "none"
                               : counted(state.alarms.size(), "alarm") + "; `cutover show alarms`");
    return text;
}

std::string startup_text(const DeviceState& state, const Terminal& terminal) {
    const auto* startup = find_generation(state, state.marks.startup);
    if (startup == nullptr) return "Nothing is set for startup.\n";
    auto text = labelled("startup", fmt::format("generation {}", startup->id), terminal);
    text += labelled("base",
                     fmt::format("{} in slot {}", named(startup->base), to_string(startup->slot)),
                     terminal);
    text += labelled("packages", package_list(*startup), terminal);
    const bool same = state.marks.startup == state.marks.running;
    text += labelled("at a reboot",
                     same ? "nothing changes: it is what runs"
                          : fmt::format("replaces generation {}, which runs now; `cutover reboot` "
                                        "does it",
                                        state.marks.running),
                     terminal);
    return text;
}

std::string overview_text(const DeviceState& state, const Terminal& terminal) {
    const auto width = static_cast<std::size_t>(terminal.width);
    std::string text;
    const auto* running = find_generation(state, state.marks.running);
    const auto runs =
        running == nullptr
            ? std::string("runs no known generation")
            : fmt::format("{} in slot {}, generation {}{}", named(running->base),
                          to_string(running->slot), running->id,
                          state.marks.committed == running->id ? ", committed" : ", not committed");
    for (const auto& line :
         {fmt::format("{}: {}", state.device_name, runs), "  " + doing_now(state)})
        text += fitted(printable(line), width) + '\n';
    const auto sick = std::ranges::count(state.health, false, &HealthStatus::healthy);
    if (sick > 0) text += fmt::format("  {} of {} checks failed\n", sick, state.health.size());
    for (const auto& alarm : state.alarms)
        text += fitted(printable(fmt::format("  alarm {} ({}): {}", alarm.name,
                                             to_string(alarm.severity), alarm.text)),
                       width) +
                '\n';
    text += "\nNext:\n";
    const auto next = next_commands(state);
    std::size_t widest = 0;
    for (const auto& command : next) widest = std::max(widest, display_width(command.command));
    for (const auto& command : next)
        text += fitted(printable(fmt::format("  {}  {}", padded(command.command, widest),
                                             command.purpose)),
                       width) +
                '\n';
    return text;
}

}  // namespace cutover::cli
