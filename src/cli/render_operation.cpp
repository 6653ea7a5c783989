#include "cli/render_operation.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/exit_code.h"
#include "cli/state_view.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "model/device.h"
#include "model/event.h"
#include "model/generation.h"
#include "model/operation.h"
#include "model/slot.h"

namespace cutover::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kStageWidth = 13;

enum class Color { red = 31, green = 32, yellow = 33 };

std::string colored(std::string_view text, Color color, const Terminal& terminal) {
    if (!terminal.color) return std::string(text);
    return fmt::format("\x1b[{}m{}\x1b[0m", static_cast<int>(color), text);
}

std::string_view verdict_mark(CheckVerdict verdict) {
    switch (verdict) {
        case CheckVerdict::ok: return "ok";
        case CheckVerdict::warning: return "!!";
        case CheckVerdict::refused: return "NO";
        case CheckVerdict::skipped: return "--";
    }
    return "";
}

// Rows of one group: its label on the first line, texts wrapped beside the columns before them.
class Block {
public:
    Block(std::string label, const Terminal& terminal)
        : label_(std::move(label)), width_(static_cast<std::size_t>(terminal.width)) {}

    void add(const std::string& columns, const std::string& text) {
        const auto indent = kLabelWidth + display_width(columns);
        const auto room = width_ > indent + 10 ? width_ - indent : 10;
        bool first = true;
        for (const auto& part : split_lines(text)) {
            for (const auto& line : wrapped(printable(part), room)) {
                auto whole = padded(text_.empty() ? "  " + label_ : "", kLabelWidth) +
                             (first ? columns : std::string(display_width(columns), ' ')) + line;
                whole.erase(whole.find_last_not_of(' ') + 1);
                text_ += whole + '\n';
                first = false;
            }
        }
    }
    const std::string& text() const { return text_; }

private:
    static constexpr std::size_t kLabelWidth = 14;

    static std::vector<std::string> split_lines(const std::string& text) {
        std::vector<std::string> lines{""};
        for (const char letter : text)
            if (letter == '\n')
                lines.emplace_back();
            else
                lines.back() += letter;
        return lines;
    }

    std::string label_;
    std::size_t width_;
    std::string text_;
};

std::string checks_block(const std::vector<CheckResult>& checks, const Terminal& terminal) {
    Block block("checks", terminal);
    std::size_t widest = 0;
    for (const auto& check : checks)
        widest = std::max(widest, display_width(printable(check.name)));
    widest = std::min<std::size_t>(widest, 30);
    for (const auto& check : checks) {
        auto detail = check.detail;
        const std::string_view skipped = "skipped by --force";
        if (check.verdict == CheckVerdict::skipped && !detail.starts_with(skipped))
            detail.insert(0, fmt::format("{}; ", skipped));
        block.add(fmt::format("{}  {}   ", padded(printable(check.name), widest),
                              verdict_mark(check.verdict)),
                  detail);
    }
    return block.text();
}

std::string interruption(const Operation& operation) {
    if (operation.interruption.count() == 0 && operation.reboots == 0)
        return "Services were not interrupted.";
    if (operation.reboots == 0) {
        const auto last =
            std::ranges::find(operation.stages, Stage::postexecute, &StageRecord::stage);
        const auto what = last == operation.stages.end() || last->detail.empty()
                              ? human_duration(operation.interruption)
                              : last->detail;
        return fmt::format("Only services that it concerns were interrupted: {}.", what);
    }
    return fmt::format(
        "Interrupted {} in {}.", human_duration(operation.interruption),
        counted_in_words(static_cast<std::size_t>(std::max(operation.reboots, 0)), "reboot"));
}

// What the device runs after an operation that reboots or moves a mark.
std::string now_runs(const Operation& operation, const DeviceState& state) {
    if (operation.request.mode == Mode::next_startup) {
        const auto* startup = find_generation(state, state.marks.startup);
        if (startup == nullptr || state.marks.startup == state.marks.running) return "Done.";
        return fmt::format(
            "Done: {} in slot {} starts at the next reboot; `cutover reboot` does "
            "it now.",
            named(startup->base), to_string(startup->slot));
    }
    const auto* running = find_generation(state, state.marks.running);
    if (running == nullptr) return "Done.";
    return fmt::format("Done: {} runs in slot {}, generation {}{}.", named(running->base),
                       to_string(running->slot), running->id,
                       state.marks.committed == running->id ? ", committed" : "");
}

// Of packages on top of the running base.
std::string now_on_top(const Operation& operation, const DeviceState& state) {
    const auto title = printable(operation.title);
    if (operation.request.mode == Mode::next_startup)
        return fmt::format("Done: {}, with the next reboot; `cutover reboot` does it now.", title);
    const bool committed = state.marks.committed == state.marks.running;
    return fmt::format("Done: {}; generation {} runs{}.", title, state.marks.running,
                       committed ? ", committed" : "");
}

bool is_on_top(const Operation& operation, const DeviceState& state) {
    const auto* target = find_generation(state, operation.to);
    const bool same = operation.to == operation.from && operation.request.packages.empty();
    return target != nullptr && target->slot == state.active_slot && operation.reboots == 0 &&
           !same;
}

bool awaits_reload(const Operation& operation, const DeviceState& state) {
    const auto kind = operation.request.kind;
    return (kind == OperationKind::select || kind == OperationKind::deselect) &&
           std::ranges::any_of(state.packages, [](const PackageStatus& row) {
               return row.state == PackageState::selected || row.state == PackageState::leaving;
           });
}

std::string outcome(const Operation& operation, const DeviceState& state) {
    switch (operation.request.kind) {
        case OperationKind::install: {
            if (is_on_top(operation, state)) return now_on_top(operation, state);
            const auto* standby = find_slot(state, other(state.active_slot));
            if (standby == nullptr || !standby->holds) return "Done.";
            return fmt::format(
                "Done: {} is in slot {}, not started; `cutover activate` starts it on trial.",
                named(*standby->holds), to_string(standby->slot));
        }
        case OperationKind::repair: return "Done: nothing is left half done.";
        case OperationKind::fetch:
        case OperationKind::discard:
        case OperationKind::select:
        case OperationKind::deselect:
            if (is_on_top(operation, state)) return now_on_top(operation, state);
            return fmt::format(
                "Done: {}; nothing that runs has changed.{}", printable(operation.title),
                awaits_reload(operation, state) ? " `cutover packages reload` does it." : "");
        case OperationKind::uninstall:
        case OperationKind::deactivate:
        case OperationKind::reload: return now_on_top(operation, state);
        case OperationKind::upgrade:
        case OperationKind::activate:
        case OperationKind::commit:
        case OperationKind::rollback:
            if (is_on_top(operation, state)) return now_on_top(operation, state);
            return now_runs(operation, state);
        case OperationKind::revert:
        case OperationKind::reset:
        case OperationKind::restore:
        case OperationKind::reboot: return now_runs(operation, state);
    }
    return "Done.";
}

std::string bar(double share, std::size_t width) {
    const auto halves = static_cast<std::size_t>(share * 2 * static_cast<double>(width));
    std::string text;
    for (std::size_t i = 0; i < halves / 2; ++i) text += "━";
    if (halves % 2 == 1) text += "╸";
    return padded(text, width);
}

// "393/578 MB", "0.4/1.2 GB": both in the unit of the whole.
std::string amount(std::uint64_t done, std::uint64_t total) {
    const auto whole = human_size(total);
    const auto unit = whole.substr(whole.find(' ') + 1);
    double scale = 1;
    for (const std::string_view step : {"B", "kB", "MB", "GB", "TB"}) {
        if (unit == step) break;
        scale *= 1000;
    }
    const auto value = static_cast<double>(done) / scale;
    const bool precise = whole.find('.') != std::string::npos;
    return fmt::format("{:.{}f}/{}", value, precise ? 1 : 0, whole);
}

std::string time_left(const Progress& progress) {
    const auto left = progress.total_bytes - std::min(progress.done_bytes, progress.total_bytes);
    const auto rate = progress.bytes_per_second;
    const auto seconds = left / rate + (left % rate == 0 ? 0 : 1);
    return fmt::format("{}:{:02}:{:02} left", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace

std::string operations_text(const std::vector<Operation>& operations, const Terminal& terminal) {
    Table table({"operation", "state", "what", "started", "took", "by"});
    for (const auto& operation : operations)
        table.add({fmt::format("{}", operation.id), std::string(to_string(operation.state)),
                   operation.title, to_iso8601(operation.started),
                   operation.ended ? human_duration(*operation.ended - operation.started) : "",
                   operation.request.asked_by});
    return table.empty() ? "No operations.\n" : table.text(terminal.width);
}

std::string operation_text(const Operation& operation, const Terminal& terminal) {
    const auto width = static_cast<std::size_t>(terminal.width);
    auto text =
        fitted(printable(fmt::format("Operation {}: {}", operation.id, operation.title)), width) +
        '\n';
    const auto by = operation.request.asked_by.empty() ? "" : ", asked by ";
    text += fitted(printable(fmt::format("  {}, started {}{}{}", to_string(operation.state),
                                         to_iso8601(operation.started), by,
                                         operation.request.asked_by)),
                   width) +
            '\n';
    text += checks_block(operation.checks, terminal);
    for (const auto& record : operation.stages) text += stage_line(record, terminal) + '\n';
    Block notes("notes", terminal);
    for (const auto& note : operation.notes) notes.add("", note);
    text += notes.text();
    Block warnings("warnings", terminal);
    for (const auto& warning : operation.warnings) warnings.add("", warning);
    text += warnings.text();
    if (operation.state == OperationState::awaiting_commit && operation.commit_deadline)
        text += fmt::format("  waits for `cutover commit` until {}; then it goes back\n",
                            to_iso8601(*operation.commit_deadline));
    if (is_over(operation.state)) text += interruption(operation) + '\n';
    if (operation.error) text += '\n' + error_text(*operation.error, terminal);
    return text;
}

std::string preview_text(const Preview& preview, const std::string& run_with,
                         const Terminal& terminal) {
    const auto width = static_cast<std::size_t>(terminal.width);
    const auto hash = printable(preview.plan_hash.substr(0, 12));
    const auto facts = fmt::format("plan {}      nothing is changed", hash);
    const auto title = printable("Operation: " + preview.title);
    std::string text;
    if (display_width(title) + 6 + display_width(facts) <= width)
        text = title + "      " + facts + '\n';
    else
        text = fitted(title, width) + '\n' + fitted("  " + facts, width) + '\n';
    text += checks_block(preview.checks, terminal);
    Block steps("steps", terminal);
    for (const auto& step : preview.steps)
        steps.add(padded(to_string(step.stage), kStageWidth),
                  step.description.empty() ? step.name : step.description);
    text += steps.text();
    Block notes("notes", terminal);
    for (const auto& note : preview.notes) notes.add("", note);
    text += notes.text();
    Block interrupts("interrupts", terminal);
    interrupts.add("", preview.interrupts.empty() ? "nothing: services go on" : preview.interrupts);
    text += interrupts.text();
    if (preview.error) return text + '\n' + error_text(*preview.error, terminal);
    return text +
           fmt::format("Run it with:  {} --plan {}\n", run_with, printable(preview.plan_hash));
}

std::string stage_line(const StageRecord& record, const Terminal& terminal) {
    const auto width = static_cast<std::size_t>(terminal.width);
    const auto state = std::string(to_string(record.state));
    auto before = "  " + padded(to_string(record.stage), kStageWidth);
    auto after = std::string(state.size() < 6 ? 6 - state.size() : 0, ' ');
    if (record.state != StageState::pending && record.state != StageState::running)
        after += right_aligned(human_duration(record.duration), 7);
    if (!record.detail.empty()) after += "   " + printable(record.detail);
    after = fitted(after, width - std::min(width, display_width(before) + state.size()));
    after.erase(after.find_last_not_of(' ') + 1);
    const bool bad = record.state == StageState::failed;
    const auto color = bad ? Color::red : Color::green;
    const bool plain = record.state != StageState::done && !bad;
    return before + (plain ? state : colored(state, color, terminal)) + after;
}

std::string progress_line(const Progress& progress, const Terminal& terminal) {
    constexpr std::size_t kShortestBar = 8;
    constexpr std::size_t kLongestBar = 26;
    const auto width = static_cast<std::size_t>(terminal.width) - 1;
    const auto stage = "  " + padded(to_string(progress.stage), kStageWidth);
    if (progress.total_bytes == 0) {
        const auto done = progress.done_bytes == 0 ? "" : "  " + human_size(progress.done_bytes);
        return fitted(stage + printable(progress.step) + done, width);
    }
    const auto share = std::min(
        1.0, static_cast<double>(progress.done_bytes) / static_cast<double>(progress.total_bytes));
    const auto percent = fmt::format("{:>4} %", static_cast<int>(share * 100));
    std::vector<std::string> facts{amount(progress.done_bytes, progress.total_bytes)};
    if (progress.bytes_per_second > 0) {
        facts.push_back(human_size(progress.bytes_per_second) + "/s");
        facts.push_back(time_left(progress));
    }
    std::string tail = percent;
    for (const auto& fact : facts) {
        const auto used = display_width(stage) + display_width(tail);
        if (used + 2 + display_width(fact) + kShortestBar > width) break;
        tail.append("  ").append(fact);
    }
    const auto used = display_width(stage) + display_width(tail);
    const auto room = width > used ? width - used : 0;
    return fitted(stage + bar(share, std::min(room, kLongestBar)) + tail, width);
}

std::string event_line(const Event& event, const Terminal& terminal) {
    const auto operation =
        event.operation == 0 ? std::string() : fmt::format("operation {}: ", event.operation);
    const auto line = fmt::format("{:>6}  {}  {}  {}{}", event.sequence, to_iso8601(event.time),
                                  padded(event.type, 20), operation, event.text);
    return terminal.out ? fitted(printable(line), static_cast<std::size_t>(terminal.width))
                        : printable(line);
}

std::string success_text(const Operation& operation, const std::optional<DeviceState>& state,
                         const Terminal& terminal) {
    std::vector<std::string> sentences;
    if (operation.state == OperationState::awaiting_commit) {
        const auto until = operation.commit_deadline ? to_iso8601(*operation.commit_deadline)
                                                     : std::string("its deadline");
        sentences = {
            fmt::format("On trial: the checks passed. `cutover commit` keeps it, `cutover "
                        "rollback` goes back; without either it goes back at {}.",
                        until)};
    } else if (operation.state == OperationState::cancelled) {
        sentences = {
            fmt::format("Operation {} was cancelled: the device is as it was.", operation.id)};
    } else {
        sentences = {state ? outcome(operation, *state) : std::string("Done.")};
    }
    if (operation.request.kind != OperationKind::commit)
        sentences.push_back(interruption(operation));
    std::string text;
    for (const auto& sentence : sentences)
        for (const auto& line :
             wrapped(printable(sentence), static_cast<std::size_t>(terminal.width)))
            text += line + '\n';
    return text;
}

std::string restarted_text(const Operation& operation) {
    return fmt::format("Restarted, {} away; what was set for startup is on trial now.\n",
                       human_duration(operation.interruption));
}

std::string packages_text(const std::vector<PackageResult>& packages, const Terminal& terminal) {
    Table table({"package", "version", "result", "why"});
    for (const auto& each : packages)
        table.add({each.package.name, each.package.version.text(), each.result, each.why});
    return table.empty() ? "" : table.text(terminal.width);
}

std::string failure_summary(const Operation& operation, const std::optional<DeviceState>& state,
                            ExitCode code) {
    auto text = interruption(operation);
    if (state)
        for (const auto& alarm : state->alarms)
            if (alarm.operation == operation.id)
                text += fmt::format(" Alarm raised: {} ({}).", printable(alarm.name),
                                    to_string(alarm.severity));
    return text + fmt::format(" Exit {}.\n", to_int(code));
}

std::string error_text(const Error& error, const Terminal& terminal) {
    const auto head = fmt::format("error[{}]", printable(error.id));
    auto text = colored(head, Color::red, terminal) + ": " + printable(error.message) + '\n';
    if (!error.cause.empty()) text += "  cause:  " + printable(error.cause) + '\n';
    if (!error.remedy.empty()) text += "  remedy: " + printable(error.remedy) + '\n';
    return text;
}

}  // namespace cutover::cli
