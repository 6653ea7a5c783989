#include "cli/config_view.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "model/configuration.h"

namespace cutover::cli {
namespace {

using Kind = ConfigChange::Kind;

constexpr std::size_t kListed = 20;  // changes that a commit tells of

enum class Color { red = 31, green = 32, yellow = 33 };

std::string change_line(const ConfigChange& change) {
    const auto value = [](const std::string& text) {
        return text.empty() ? std::string() : ": " + printable(text);
    };
    auto path = printable(change.path);
    switch (change.kind) {
        case Kind::added: return fmt::format("+ {}{}", path, value(change.after));
        case Kind::removed: return fmt::format("- {}{}", path, value(change.before));
        case Kind::changed:
            return fmt::format("~ {}: {} -> {}", path, printable(change.before),
                               printable(change.after));
        case Kind::moved: return fmt::format("~ {}: moved", path);
    }
    return path;
}

Color color_of(Kind kind) {
    switch (kind) {
        case Kind::added: return Color::green;
        case Kind::removed: return Color::red;
        case Kind::changed:
        case Kind::moved: return Color::yellow;
    }
    return Color::yellow;
}

std::string colored(const std::string& line, Kind kind, const Terminal& terminal) {
    if (!terminal.color) return line;
    return fmt::format("\x1b[{}m{}\x1b[0m", static_cast<int>(color_of(kind)), line);
}

// The first of them, cut to the terminal's width.
std::string listed(const CommitView& commit, const Terminal& terminal) {
    const auto room = static_cast<std::size_t>(terminal.width) - 2;
    std::string text;
    for (const auto& change : commit.changes) {
        if (&change == &commit.changes.front() + kListed) break;
        text += "  " + colored(fitted(change_line(change), room), change.kind, terminal) + '\n';
    }
    if (commit.changes.size() > kListed)
        text += fmt::format("  and {} more: cutover config diff --revision {} {}\n",
                            commit.changes.size() - kListed, commit.ran_before, commit.revision.id);
    return text;
}

std::string headline(const CommitView& commit) {
    const auto& revision = commit.revision;
    if (commit.confirmed) return fmt::format("Confirmed: revision {} stays.", revision.id);
    const auto* const end = commit.changes.empty() ? "." : ":";
    if (revision.id < commit.ran_before)
        return fmt::format("Back to revision {}; revision {} was on trial{}", revision.id,
                           commit.ran_before, end);
    auto text = fmt::format("Committed revision {}", revision.id);
    if (revision.made_from != 0) text += fmt::format(", made from revision {}", revision.made_from);
    if (!revision.comment.empty()) text += fmt::format(" ({})", revision.comment);
    return text + end;
}

std::string trial_of(const ConfigTrial& trial, WallTime now) {
    const auto left = std::max(trial.deadline - now, std::chrono::milliseconds(0));
    return fmt::format("revision {} goes back to revision {} in {}, at {}", trial.revision,
                       trial.back_to, human_duration(left), to_iso8601(trial.deadline));
}

// What is still to be done, and how.
std::string next_step(const ConfigStatus& status, WallTime now) {
    if (status.trial)
        return fmt::format("On trial: {}.\nTo keep it: cutover config commit",
                           trial_of(*status.trial, now));
    if (status.startup == status.running) return {};
    return fmt::format(
        "A boot begins with {}.\nTo keep this one: cutover config save",
        status.startup == 0 ? "nothing of it" : fmt::format("revision {}", status.startup));
}

std::string paragraph(const std::string& text, const Terminal& terminal) {
    std::string lines;
    for (const auto& line : wrapped(text, static_cast<std::size_t>(terminal.width)))
        lines += line + '\n';
    return lines;
}

std::string module_names(const ConfigStatus& status) {
    std::vector<std::string> names;
    names.reserve(status.modules.size());
    for (const auto& module : status.modules)
        names.push_back(module.revision.empty() ? module.name
                                                : module.name + "@" + module.revision);
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string escaped(char32_t value, ConfigFormat format) {
    switch (format) {
        case ConfigFormat::json: return fmt::format("\\u{:04X}", static_cast<unsigned>(value));
        case ConfigFormat::xml: return fmt::format("&#x{:X};", static_cast<unsigned>(value));
        case ConfigFormat::tree: return "\xEF\xBF\xBD";
    }
    return {};
}

}  // namespace

std::string document_text(std::string document, ConfigFormat format) {
    if (!document.empty() && !document.ends_with('\n')) document += '\n';
    return printable_lines(document, [format](char32_t value) { return escaped(value, format); });
}

std::string changes_text(const std::vector<ConfigChange>& changes, const Terminal& terminal) {
    if (changes.empty()) return "Nothing differs.\n";
    std::string text;
    for (const auto& change : changes)
        text += colored(change_line(change), change.kind, terminal) + '\n';
    return text;
}

std::string commit_text(const CommitView& commit, WallTime now, const Terminal& terminal) {
    const auto text = paragraph(printable(headline(commit)), terminal) + listed(commit, terminal);
    const auto next = next_step(commit.status, now);
    return next.empty() ? text : text + paragraph(next, terminal);
}

std::string config_status_text(const ConfigStatus& status, WallTime now, const Terminal& terminal) {
    const auto line = [&](std::string_view label, const std::string& text) {
        return labelled(label, text, terminal.width);
    };
    auto text = line("running", status.running == 0 ? "nothing was committed yet"
                                                    : fmt::format("revision {}", status.running));
    const auto startup = status.startup == 0 ? std::string("nothing was saved yet")
                                             : fmt::format("revision {}", status.startup);
    text += line("startup", status.startup == status.running
                                ? "the same"
                                : startup + "; `cutover config save` makes it the running one");
    if (status.trial)
        text +=
            line("trial", fmt::format("{}, unless `cutover config commit` confirms it; begun by {}",
                                      trial_of(*status.trial, now), status.trial->by));
    text += line("commits",
                 status.read_only.empty() ? "accepted" : "not accepted now: " + status.read_only);
    if (status.behind.empty() && status.waiting.empty())
        text += line("services", "all have taken what runs");
    if (!status.waiting.empty())
        text += line("services", fmt::format("{} still to be told of what runs: {}",
                                             status.waiting.size() == 1
                                                 ? "one is"
                                                 : fmt::format("{} are", status.waiting.size()),
                                             fmt::join(status.waiting, ", ")));
    if (!status.behind.empty())
        text += line("services", fmt::format("{} not taken what runs yet",
                                             status.behind.size() == 1 ? "one has" : "some have"));
    for (const auto& service : status.behind) text += line("", service);
    text += line("modules", module_names(status));
    Table candidates({"session", "begun from", "last changed", "problem"});
    for (const auto& candidate : status.candidates)
        candidates.add({candidate.session, fmt::format("revision {}", candidate.made_from),
                        to_iso8601(candidate.touched), candidate.problem});
    if (candidates.empty()) return text + line("candidates", "none");
    return text + '\n' + candidates.text(terminal.width);
}

std::vector<std::string> marks_of(const ConfigStatus& status, ConfigRevisionId revision) {
    std::vector<std::string> marks;
    if (revision == status.running) marks.emplace_back("running");
    if (revision == status.startup) marks.emplace_back("startup");
    if (status.trial && revision == status.trial->revision) marks.emplace_back("on trial");
    return marks;
}

std::string config_history_text(const std::vector<ConfigRevision>& revisions,
                                const ConfigStatus& status, const Terminal& terminal) {
    Table table({"revision", "made", "by", "from", "marks", "comment"});
    for (const auto& revision : revisions)
        table.add({fmt::format("{}", revision.id), to_iso8601(revision.made), revision.by,
                   revision.made_from == 0 ? "" : fmt::format("{}", revision.made_from),
                   fmt::format("{}", fmt::join(marks_of(status, revision.id), ", ")),
                   revision.comment});
    return table.empty() ? "Nothing was committed yet.\n" : table.text(terminal.width);
}

}  // namespace cutover::cli
